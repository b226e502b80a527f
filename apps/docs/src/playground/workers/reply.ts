import { HadamardError } from '@hadamard-adapter/core';

/**
 * The answer of a worker. Errors travel as what they say of themselves: a structured clone would keep the message
 * alone.
 */
export type Reply<T> = { readonly value: T } | { readonly error: SentError };

interface SentError {
  readonly what: string;
  readonly code: string;
  readonly found?: string;
  readonly expected?: string;
  readonly hint?: string;
}

export async function reply<T>(work: () => T | Promise<T>): Promise<Reply<T>> {
  try {
    return { value: await work() };
  } catch (error) {
    if (!(error instanceof HadamardError))
      return { error: { what: error instanceof Error ? error.message : String(error), code: 'UNEXPECTED' } };
    const { what, code, found, expected, hint } = error;
    return {
      error: {
        what,
        code,
        ...(found === undefined ? {} : { found }),
        ...(expected === undefined ? {} : { expected }),
        ...(hint === undefined ? {} : { hint }),
      },
    };
  }
}

/** @throws what the worker threw. */
export function valueOf<T>(answer: Reply<T>): T {
  if ('value' in answer) return answer.value;
  const { what, ...details } = answer.error;
  throw details.code === 'UNEXPECTED' ? new Error(what) : new HadamardError(what, details);
}
