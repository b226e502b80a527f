import { messageOf } from '@hadamard-adapter/core/internal';
import {
  ConfigError,
  DataError,
  FormatError,
  HadamardError,
  MismatchError,
  RuntimeError,
  UnsupportedError,
  type ErrorDetails,
  type ParameterInfo,
  type TrainableModel,
} from '@hadamard-adapter/core';
import type { AdapterSession, CompiledDescription } from '@hadamard-adapter/runtime/internal';

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
  const Kind = Object.hasOwn(KINDS, kind) ? KINDS[kind as keyof typeof KINDS] : HadamardError;
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
