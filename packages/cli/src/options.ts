import { availableParallelism } from 'node:os';
import { InvalidArgumentError, Option, type Command } from 'commander';
import { ADAPTER_DEFAULTS } from '@hadamard-adapter/core';
import type { Arithmetic } from '@hadamard-adapter/onnxruntime';

/** A whole number from `least` on. */
export const integer =
  (least: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || !Number.isSafeInteger(value))
      throw new InvalidArgumentError(`Expected a whole number from ${least} on.`);
    return value;
  };

/** A finite number from `least` on. */
export const number =
  (least: number, most = Number.POSITIVE_INFINITY) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() === '' || !Number.isFinite(value) || value < least || value > most) {
      throw new InvalidArgumentError(
        `Expected a number ${most === Number.POSITIVE_INFINITY ? `from ${least} on` : `from ${least} to ${most}`}.`,
      );
    }
    return value;
  };

/** `0,2,5` or `4-7`, or both mixed. */
export function layerList(text: string): number[] {
  const layers = text.split(',').flatMap((part) => {
    const range = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part.trim());
    if (range === null) throw new InvalidArgumentError('Expected layer numbers such as 0,2,5 or 4-7.');
    const [from, to] = [Number(range[1]), Number(range[2] ?? range[1])];
    return Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i);
  });
  if (layers.length === 0) throw new InvalidArgumentError('Expected layer numbers such as 0,2,5 or 4-7.');
  return [...new Set(layers)].toSorted((a, b) => a - b);
}

/** Collects a repeatable option. */
export const list = (value: string, before: readonly string[] = []): string[] => [...before, value];

export interface PlacementFlags {
  readonly site: 'context' | 'output';
  readonly norm: 'attention' | 'output' | 'both' | 'none';
  readonly layers?: number[];
  readonly crossAttention?: boolean;
}

/** Where adapters sit: the same flags on every command that builds a model. */
export function withPlacement(command: Command): Command {
  return command
    .addOption(
      new Option('--site <site>', 'where the adapter sits')
        .choices(['context', 'output'])
        .default(ADAPTER_DEFAULTS.site),
    )
    .addOption(
      new Option('--norm <norm>', 'which LayerNorm is trained with it')
        .choices(['attention', 'output', 'both', 'none'])
        .default(ADAPTER_DEFAULTS.norm),
    )
    .option('--layers <list>', 'layers that carry an adapter, e.g. 0,2,5 or 4-7 (default: all)', layerList)
    .option('--cross-attention', 'adapters on the cross-attention of a decoder too');
}

export interface DeviceFlags {
  readonly device: string;
  readonly threads: number;
  readonly arithmetic: Arithmetic;
  readonly lowMemory?: boolean;
}

/** What computes, and how: the same flags on every command that runs a model. */
export function withDevice(command: Command): Command {
  return command
    .option('--device <device>', 'device to compute on: cpu, webgpu, cuda', 'cpu')
    .addOption(threadsOption())
    .addOption(
      new Option(
        '--arithmetic <kind>',
        'of products with frozen weights: float32, int8 (on cpu: much faster with VNNI, a little less exact), or ' +
          'whichever is faster here',
      )
        .choices(['float32', 'int8', 'fastest'])
        .default('float32'),
    )
    .option(
      '--low-memory',
      'keep weights on disk and one graph at a time: less memory, a pause whenever training and prediction take turns',
    );
}

export const deviceOf = ({ device, threads, arithmetic, lowMemory = false }: DeviceFlags): DeviceFlags => ({
  device,
  threads,
  arithmetic,
  lowMemory,
});

export const jsonOption = (): Option => new Option('--json', 'end with one JSON line on standard output');
/** Left to itself, ONNX Runtime takes every core of the machine, also of one that this process may not use whole. */
export const threadsOption = (): Option =>
  new Option('--threads <n>', 'threads of the runtime')
    .argParser(integer(1))
    .default(availableParallelism(), 'cores at hand');
