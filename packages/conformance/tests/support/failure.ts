import { expect } from 'vitest';
import { HadamardError } from '@hadamard-adapter/core';

/** The error of a call that must be refused. Anything but one of ours, of one line, fails the test. */
export async function failure(run: () => unknown): Promise<HadamardError> {
  const error = await survives(run);
  if (error === undefined) throw new Error('nothing was thrown');
  expect(error.message).not.toContain('\n');
  return error;
}

/**
 * Runs a reader on damaged input: it may answer (undefined) or refuse with an error of ours. Anything else propagates
 * and fails the test.
 */
export async function survives(run: () => unknown): Promise<HadamardError | undefined> {
  try {
    await run();
    return undefined;
  } catch (error) {
    if (error instanceof HadamardError) return error;
    throw error;
  }
}
