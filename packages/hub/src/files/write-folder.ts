import { open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DataError } from '@hadamard-adapter/core';
import { makeFolder, temporaryFor, writeContent, type Content } from './write-files.js';

/**
 * Write a folder so that it is there whole or not at all: everything goes to a new folder beside it, which then takes
 * its name. A folder that was there before is replaced, unless it holds files that are not ours.
 *
 * @param known names that may be replaced; any other file in an existing folder stops the write.
 * @throws DataError OUTPUT_OCCUPIED.
 */
export async function writeFolder(
  path: string,
  files: Readonly<Record<string, Content>>,
  known: readonly string[] = Object.keys(files),
): Promise<void> {
  const target = resolve(path);
  await checkUnoccupied(target, known);
  const temporary = temporaryFor(target);
  try {
    for (const [name, content] of Object.entries(files)) await writeContent(join(temporary, name), content);
    const old = `${temporary}.old`;
    const replaced = await rename(target, old).then(
      () => true,
      () => false,
    );
    await rename(temporary, target).catch(async (cause: unknown) => {
      if (replaced) await rename(old, target);
      throw cause;
    });
    if (replaced) await rm(old, { recursive: true, force: true });
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true });
    throw cause;
  }
}

/**
 * Files that are not ours must not vanish with a folder that is replaced.
 *
 * @throws DataError OUTPUT_OCCUPIED.
 */
export async function checkUnoccupied(path: string, known: readonly string[]): Promise<void> {
  const foreign = await foreignEntries(resolve(path), '', known);
  if (foreign.length > 0) {
    throw new DataError('The output folder holds other files', {
      code: 'OUTPUT_OCCUPIED',
      found: `${foreign[0]}${foreign.length > 1 ? ` and ${foreign.length - 1} more` : ''} in ${path}`,
      expected: 'a new or empty folder',
    });
  }
}

/**
 * Names below `folder` that are not known. Only folders that known files lie in are looked into: the output may be
 * somebody's home.
 */
async function foreignEntries(folder: string, prefix: string, known: readonly string[]): Promise<string[]> {
  const entries = await readdir(join(folder, prefix), { withFileTypes: true }).catch(() => []);
  const foreign = await Promise.all(
    entries.map(async (entry) => {
      const name = `${prefix}${entry.name}`;
      if (entry.isDirectory() && known.some((file) => file.startsWith(`${name}/`)))
        return foreignEntries(folder, `${name}/`, known);
      return !entry.isDirectory() && known.includes(name) ? [] : [name];
    }),
  );
  return foreign.flat();
}

/**
 * Fail before hours of training rather than after: the folder's parent must exist or be creatable, and be writable.
 *
 * @throws DataError OUTPUT_UNWRITABLE.
 */
export async function checkWritable(path: string): Promise<void> {
  const trial = temporaryFor(resolve(path));
  try {
    await makeFolder(dirname(trial));
    await (await open(trial, 'wx')).close();
    await rm(trial, { force: true });
  } catch (cause) {
    throw new DataError('The output folder cannot be written', {
      code: 'OUTPUT_UNWRITABLE',
      found: cause instanceof Error ? cause.message : path,
      cause,
    });
  }
}
