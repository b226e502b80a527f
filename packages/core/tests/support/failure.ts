import { expect } from 'vitest';
import { HadamardError } from '../../src/index.js';

/** The error of a call that must be refused: one of ours, of one line. */
export async function failure(run: () => unknown): Promise<HadamardError> {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof HadamardError)) throw error;
    expect(error.message).not.toContain('\n');
    return error;
  }
  throw new Error('nothing was thrown');
}

/**
 * Runs a decoder on damaged input: it may succeed, or fail with an error of ours; anything else propagates and fails
 * the test.
 */
export async function survives(run: () => unknown): Promise<'read' | HadamardError> {
  try {
    await run();
    return 'read';
  } catch (error) {
    if (error instanceof HadamardError) return error;
    throw error;
  }
}
