import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readFolder } from '@hadamard-adapter/cli/internal';
import { writeFolder } from '@hadamard-adapter/hub/node';
import type { CheckpointStore } from './execute.js';
import { RUN_CHECKPOINT_FILES } from './run-checkpoint.js';

/**
 * Checkpoints below a folder, one folder for each run.
 *
 * @param complain told once when one cannot be written: a run without checkpoints is better than none.
 */
export function folderCheckpoints(folder: string, complain: (text: string) => void): CheckpointStore {
  let failed = false;
  return {
    load: (key) => readFolder(join(folder, key), 'The checkpoint').catch(() => undefined),
    async save(key, files) {
      try {
        await writeFolder(join(folder, key), files, RUN_CHECKPOINT_FILES);
      } catch (error) {
        if (!failed)
          complain(
            `no checkpoint can be written to ${folder}: ${error instanceof Error ? error.message : String(error)}`,
          );
        failed = true;
      }
    },
  };
}

/** Forget the state of a run whose result is kept. */
export async function removeCheckpoint(folder: string, key: string): Promise<void> {
  await rm(join(folder, key), { recursive: true, force: true });
}

/**
 * Remove what is no checkpoint of a run that is still to be done: half-written ones of killed processes, and those of
 * runs that are finished.
 */
export async function tidyCheckpoints(folder: string, pending: ReadonlySet<string>): Promise<void> {
  const names = await readdir(folder).catch(() => []);
  for (const name of names) {
    const half = /^\.[0-9a-f]{64}\.[0-9a-f]{8}\.tmp(\.old)?$/.test(name);
    if (half || (/^[0-9a-f]{64}$/.test(name) && !pending.has(name)))
      await rm(join(folder, name), { recursive: true, force: true });
  }
}
