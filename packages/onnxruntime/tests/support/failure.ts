import { HadamardError } from '@hadamard-adapter/core';
import { expect } from 'vitest';

/** The error of a call that must be refused: one of ours. */
export async function failure(action: Promise<unknown> | (() => Promise<unknown>)): Promise<HadamardError> {
  const error: unknown = await (typeof action === 'function' ? action() : action).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(HadamardError);
  return error as HadamardError;
}
