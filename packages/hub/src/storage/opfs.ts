import { ConfigError } from '@hadamard-adapter/core';
import { directoryStorage } from './directory.js';
import { noStorage, wordsOf } from './errors.js';
import type { Storage } from './storage.js';

/**
 * A directory of the browser's private file system (OPFS), which only this site sees. It is made by the first write.
 *
 * @param path `folder/sub`, from the root of this site.
 */
export function opfsStorage(path: string): Storage {
  const address = `opfs://${path}`;
  const found = async (): Promise<Storage | undefined> => {
    const { directory, missing } = await follow(address, namesOf(path));
    return missing === undefined ? directoryStorage(directory, address) : undefined;
  };
  return {
    address,
    read: async (names) => (await found())?.read(names) ?? {},
    write: async (files) => directoryStorage(await make(address, namesOf(path)), address).write(files),
    names: async () => (await found())?.names() ?? [],
    async remove() {
      await (await found())?.remove();
      const names = namesOf(path);
      const above = await follow(address, names.slice(0, -1));
      // Refused where something else is in it, and where it was not there.
      if (above.missing === undefined) await above.directory.removeEntry(names.at(-1) ?? '').catch(() => undefined);
    },
    beside: async () => directoriesIn((await follow(address, namesOf(path).slice(0, -1))).directory),
  };
}

/** The directory of a path, or the last one that is there and the name that is missing in it. */
async function follow(
  address: string,
  names: readonly string[],
): Promise<{ readonly directory: FileSystemDirectoryHandle; readonly missing?: string }> {
  let directory = await rootOf(address);
  for (const name of names) {
    const next = await directory.getDirectoryHandle(name).catch(() => undefined);
    if (next === undefined) return { directory, missing: name };
    directory = next;
  }
  return { directory };
}

async function make(address: string, names: readonly string[]): Promise<FileSystemDirectoryHandle> {
  let directory = await rootOf(address);
  for (const name of names) {
    directory = await directory.getDirectoryHandle(name, { create: true }).catch((cause: unknown) => {
      throw new ConfigError(`No directory can be made for ${address}`, {
        code: 'ADAPTER_SOURCE',
        found: wordsOf(cause),
        expected: `a directory ${JSON.stringify(name)}, or nothing of that name`,
        cause,
      });
    });
  }
  return directory;
}

async function rootOf(address: string): Promise<FileSystemDirectoryHandle> {
  // What the types promise is in browsers only, and there on https and localhost only.
  const storage = (globalThis.navigator as Partial<Navigator> | undefined)?.storage as
    | Partial<StorageManager>
    | undefined;
  if (typeof storage?.getDirectory !== 'function')
    throw noStorage(
      address,
      'no private file system (OPFS)',
      'It is in browsers only, on pages from https or localhost; elsewhere name a folder by its path.',
    );
  return storage.getDirectory().catch((cause: unknown) => {
    throw noStorage(address, wordsOf(cause), 'Private windows may refuse it.', cause);
  });
}

const namesOf = (path: string): string[] => path.split('/').filter((name) => name !== '');

async function directoriesIn(directory: FileSystemDirectoryHandle): Promise<string[]> {
  const names: string[] = [];
  for await (const [name, { kind }] of directory.entries()) if (kind === 'directory') names.push(name);
  return names;
}
