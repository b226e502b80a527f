import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { DataError } from '@hadamard-adapter/core';
import type { DataFlags } from '@hadamard-adapter/cli/internal';

/** @throws DataError FOLDER_MISSING. */
export async function checkFolders(folders: readonly string[]): Promise<void> {
  for (const folder of folders) {
    if ((await stat(folder).catch(() => undefined))?.isDirectory() !== true)
      throw new DataError('The data folder does not exist', {
        code: 'FOLDER_MISSING',
        found: `no folder at ${folder}`,
      });
  }
}

/**
 * The tables of a task as they lie on this machine: below one of the folders by the name that the sweep file gives
 * them, or by their last name alone.
 *
 * @throws DataError FILE_MISSING.
 */
export async function findFiles(source: DataFlags, folders: readonly string[]): Promise<DataFlags> {
  const [train, dev] = await Promise.all(
    [source.train, source.dev].map(async (name) => (name === undefined ? undefined : find(name, folders))),
  );
  return { ...source, ...(train === undefined ? {} : { train }), ...(dev === undefined ? {} : { dev }) };
}

async function find(name: string, folders: readonly string[]): Promise<string> {
  for (const each of new Set([name, basename(name)])) {
    for (const folder of folders) {
      const path = join(folder, each);
      if ((await stat(path).catch(() => undefined))?.isFile() === true) return path;
    }
  }
  throw new DataError('A table of the run is not here', {
    code: 'FILE_MISSING',
    found: `no ${name} in ${folders.length === 0 ? 'any folder' : folders.join(', ')}`,
    expected: '--data FOLDER that has it',
  });
}

/**
 * Read a GLUE task from the first folder that has it; tables of one's own are found already.
 *
 * @throws what reading from the last folder throws.
 */
export async function readFirst<T>(
  flags: DataFlags,
  folders: readonly string[],
  read: (flags: DataFlags) => Promise<T>,
): Promise<T> {
  if (flags.task === undefined) return read(flags);
  for (const data of folders.slice(0, -1)) {
    try {
      return await read({ ...flags, data });
    } catch (error) {
      if (!(error instanceof DataError && error.code === 'TASK_FILES')) throw error;
    }
  }
  const last = folders.at(-1);
  return read(last === undefined ? flags : { ...flags, data: last });
}
