import { DataError } from '@hadamard-adapter/core';
import { type DataFlags, loadData, type LoadedData } from '@hadamard-adapter/cli/internal';

/**
 * The data of a task, as its flags say.
 *
 * @throws what `loadData` throws; TASK_FILES with the folder that was looked into.
 */
export async function loadSource(flags: DataFlags, seed: number): Promise<LoadedData> {
  try {
    return await loadData(flags, { training: true, seed });
  } catch (error) {
    if (!(error instanceof DataError && error.code === 'TASK_FILES')) throw error;
    throw new DataError(error.what, {
      code: error.code,
      found: `${error.found ?? 'nothing'} in ${flags.data}`,
      ...(error.expected === undefined ? {} : { expected: error.expected }),
      cause: error,
    });
  }
}
