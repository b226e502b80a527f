import { ConfigError } from '@hadamard-adapter/core';
import { noAdapter, noStorage, wordsOf } from './errors.js';

const address = (path: string): string => `opfs://${path}`;

/**
 * A directory of the browser's private file system (OPFS) by its path, to read from.
 *
 * @param path `folder/sub`, from the root of this site.
 * @throws ConfigError ADAPTER_SOURCE where there is no such directory, with those that are beside it, or no such file
 *   system.
 */
export async function findOpfs(path: string): Promise<FileSystemDirectoryHandle> {
  let directory = await rootOf(path);
  for (const name of namesOf(path)) {
    const next = await directory.getDirectoryHandle(name).catch(() => undefined);
    if (next === undefined)
      throw noAdapter(address(path), `no directory ${JSON.stringify(name)}`, await directoriesIn(directory));
    directory = next;
  }
  return directory;
}

/**
 * The same to write into: what is missing of it is made.
 *
 * @throws ConfigError ADAPTER_SOURCE.
 */
export async function makeOpfs(path: string): Promise<FileSystemDirectoryHandle> {
  let directory = await rootOf(path);
  for (const name of namesOf(path)) {
    directory = await directory.getDirectoryHandle(name, { create: true }).catch((cause: unknown) => {
      throw new ConfigError(`No directory can be made for ${address(path)}`, {
        code: 'ADAPTER_SOURCE',
        found: wordsOf(cause),
        expected: `a directory ${JSON.stringify(name)}, or nothing of that name`,
        cause,
      });
    });
  }
  return directory;
}

async function rootOf(path: string): Promise<FileSystemDirectoryHandle> {
  // What the types promise is in browsers only, and there on https and localhost only.
  const storage = (globalThis.navigator as Partial<Navigator> | undefined)?.storage as
    | Partial<StorageManager>
    | undefined;
  if (typeof storage?.getDirectory !== 'function')
    throw noStorage(
      address(path),
      'no private file system (OPFS)',
      'It is in browsers only, on pages from https or localhost; elsewhere name a folder by its path.',
    );
  return storage.getDirectory().catch((cause: unknown) => {
    throw noStorage(address(path), wordsOf(cause), 'Private windows may refuse it.', cause);
  });
}

const namesOf = (path: string): string[] => path.split('/').filter((name) => name !== '');

async function directoriesIn(directory: FileSystemDirectoryHandle): Promise<string[]> {
  const names: string[] = [];
  for await (const [name, { kind }] of directory.entries()) if (kind === 'directory') names.push(name);
  return names;
}
