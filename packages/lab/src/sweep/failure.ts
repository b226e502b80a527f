import { HadamardError } from '@hadamard-adapter/core';

/** Why a run has no result. */
export interface RunFailure {
  readonly code: string;
  readonly message: string;
}

/** Why a run failed, for another process. What is no error of ours is a defect, and its stack tells more. */
export function failureOf(error: unknown): RunFailure {
  if (error instanceof HadamardError) return { code: error.code, message: error.message };
  return { code: 'INTERNAL', message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}
