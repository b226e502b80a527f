import { HadamardError } from '@hadamard-adapter/core';
import { expect } from 'vitest';

/** The error of a call that must be refused: one of ours, of one line that a person can read at a glance. */
export async function failure(run: () => unknown): Promise<HadamardError> {
  const result = await survives(run);
  if (result === 'read') throw new Error('nothing was thrown');
  return result;
}

/**
 * Runs a reader on damaged input: it may succeed, or fail with a short error of ours; anything else propagates and
 * fails the test.
 */
export async function survives(run: () => unknown): Promise<'read' | HadamardError> {
  try {
    await run();
    return 'read';
  } catch (error) {
    if (!(error instanceof HadamardError)) throw error;
    expect(error.code).toMatch(/^[A-Z0-9_]+$/);
    expect(error.message).not.toMatch(/[\n\r\u2028\u2029]/);
    expect(error.message.length).toBeLessThan(2000);
    return error;
  }
}
