import type { DataFlags } from '@hadamard-adapter/cli/internal';
import type { MethodSettings } from '../methods.js';
import { canonicalJson, digestOf } from './canonical.js';
import { effective } from './grid.js';
import type { ModelIdentity } from './identity.js';

/** Where runs are computed. */
export const SWEEP_DEVICES = ['cpu', 'webgpu', 'cuda'] as const;

export type SweepDevice = (typeof SWEEP_DEVICES)[number];

/** What a task is learned from and scored on. */
export interface TaskSource {
  readonly name: string;
  /** With the places where files lie on this machine. */
  readonly flags: DataFlags;
  /** The same with the names by which another machine looks for them. */
  readonly portable: DataFlags;
}

/**
 * Everything that the result of a run depends on. Models and data are named by hash: where they lie, and what a sweep
 * calls its methods, is no part of it.
 */
export interface RunIdentity {
  readonly model: ModelIdentity;
  readonly data: string;
  readonly task: string;
  /** The score by which epochs are chosen and runs compared. */
  readonly metric: string;
  readonly settings: MethodSettings;
  readonly seed: number;
  readonly maxLength?: number;
  readonly arithmetic: 'float32' | 'int8';
  /** Absent: the CPU. Devices round differently. */
  readonly device?: Exclude<SweepDevice, 'cpu'>;
}

/** One training run of a sweep. */
export interface Run extends RunIdentity {
  readonly key: string;
  /** The label of its method. */
  readonly method: string;
  readonly limit?: number;
  /** What people call the model. */
  readonly modelName: string;
  readonly source: TaskSource;
}

/** The name under which a run is known for good: 64 hexadecimal digits. */
export function runKey({
  model,
  data,
  task,
  metric,
  settings,
  seed,
  maxLength,
  arithmetic,
  device,
}: RunIdentity): string {
  return digestOf(
    canonicalJson({
      version: 1,
      model,
      data,
      task,
      metric,
      settings: effective(settings),
      seed,
      maxLength,
      arithmetic,
      device,
    }),
  );
}

/** `sst2, hadamard, seed 3`, with what a grid sets. */
export function describeRun(
  { task, method, seed }: Pick<Run, 'task' | 'method' | 'seed'>,
  shown: Readonly<Record<string, unknown>> = {},
): string {
  return [
    task,
    method,
    ...Object.entries(shown).map(([name, value]) => `${name} ${textOf(value)}`),
    `seed ${seed}`,
  ].join(', ');
}

/** A setting as people write it. */
export const textOf = (value: unknown): string => (Array.isArray(value) ? value.join(' ') : String(value));
