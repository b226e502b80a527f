import { hasKey, messageOf } from '@hadamard-adapter/core/internal';
import {
  ConfigError,
  DataError,
  FormatError,
  HadamardError,
  MismatchError,
  RuntimeError,
  UnsupportedError,
  type Batch,
  type ErrorDetails,
  type Group,
  type ParameterInfo,
  type PrecomputeOptions,
  type Split,
  type TrainableModel,
} from '@hadamard-adapter/core';
import type { AdapterSession, CompiledDescription } from '@hadamard-adapter/runtime/internal';
import type { LoadOptions } from '../load.js';

/** Methods of a session that are called in the worker as they are; `precompute` has callbacks and goes its own way. */
export const FORWARDED = [
  'read',
  'write',
  'gradients',
  'step',
  'predict',
  'encode',
  'siteInput',
  'readOptimizer',
  'writeOptimizer',
  'baseDigest',
  'fold',
  'dispose',
] as const satisfies readonly (keyof AdapterSession)[];

export type Forwarded = (typeof FORWARDED)[number];

/** What does not change in the life of a session, sent once. */
export interface SessionFacts extends Pick<TrainableModel, 'runtime' | 'device' | 'numLabels' | 'loss'> {
  readonly parameters: readonly ParameterInfo[];
  readonly compiled: CompiledDescription;
}

/**
 * The answer to a call. Errors travel as what they say of themselves: a structured clone would keep the message only.
 */
export type Answer<T> = { readonly value: T } | { readonly error: SentError };

interface SentError {
  readonly kind: string;
  readonly message: string;
  readonly details?: Omit<ErrorDetails, 'cause'>;
}

/** What travels of the base model: bytes, a File, or an address. */
export type SentModel = ArrayBuffer | Uint8Array | Blob | string;

/** A split whose rows stay on the page; batches are asked for. */
export type SentSplit = Pick<Split, 'id' | 'size' | 'lengths'>;

export type BatchOf = (rows: Int32Array) => Promise<Batch>;

/** The other end of `loadModelInWorker`: one model in a worker of its own, so that the page never waits for it. */
export interface ModelWorker {
  load(
    model: SentModel,
    options: Omit<LoadOptions, 'ort' | 'signal' | 'onNotice' | 'onDownload'>,
    onNotice: LoadOptions['onNotice'],
    onDownload: LoadOptions['onDownload'],
  ): Promise<Answer<SessionFacts>>;
  call(method: Forwarded, parameters: readonly unknown[]): Promise<Answer<unknown>>;
  precompute(
    split: SentSplit,
    batchOf: BatchOf,
    groups: readonly Group[],
    maxBytes: number,
    onProgress: PrecomputeOptions['onProgress'],
  ): Promise<Answer<number>>;
  /** End a precomputation after its current batch. */
  stop(): void;
}

const KINDS = { ConfigError, DataError, FormatError, HadamardError, MismatchError, RuntimeError, UnsupportedError };

export async function answer<T>(work: () => Promise<T>): Promise<Answer<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error: sent(error) };
  }
}

export function unwrap<T>(reply: Answer<T>): T {
  if ('value' in reply) return reply.value;
  const { kind, message, details } = reply.error;
  if (details === undefined) throw new Error(message);
  // The message is put together anew from the details; what it begins with is what remains.
  const Kind = hasKey(KINDS, kind) ? KINDS[kind] : HadamardError;
  throw new Kind(message, details);
}

function sent(error: unknown): SentError {
  if (!(error instanceof HadamardError)) return { kind: 'Error', message: messageOf(error) };
  const { code, found, expected, hint, what } = error;
  return {
    kind: error.name,
    message: what,
    details: {
      code,
      ...(found === undefined ? {} : { found }),
      ...(expected === undefined ? {} : { expected }),
      ...(hint === undefined ? {} : { hint }),
    },
  };
}
