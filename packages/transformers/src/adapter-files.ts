import { ConfigError, type Files } from '@hadamard-adapter/core';
import { ADAPTER_CARD_FILE, ADAPTER_CONFIG_FILE, ADAPTER_TENSORS_FILE } from '@hadamard-adapter/core/folder';
import { readHubFile } from './hub/read-file.js';
import type { HubOptions } from './hub/places.js';
import { writeWhole } from './hub/write-file.js';
import type { LibraryEnv } from './library.js';
import { readDirectory, writeDirectory } from './places/directory.js';
import { readIndexedDb, writeIndexedDb } from './places/indexed-db.js';
import { findOpfs, makeOpfs } from './places/opfs.js';

/**
 * Where an adapter folder is: a hub id, a path, the address of a folder, `indexeddb://key`, `opfs://folder`, a
 * directory of the browser, or its files.
 */
export type AdapterSource = string | FileSystemDirectoryHandle | Files;

/** @throws DataError HUB_FILE, HUB_ACCESS; ConfigError ADAPTER_SOURCE. */
export async function readAdapterFiles(env: LibraryEnv, source: AdapterSource, options: HubOptions): Promise<Files> {
  if (isFiles(source)) return source;
  if (isDirectory(source)) return readDirectory(source);
  if (typeof source !== 'string') {
    throw new ConfigError('This is no adapter', {
      code: 'ADAPTER_SOURCE',
      found: typeof source,
      expected: 'a hub id, a path, an address, a directory handle, or the files of an adapter folder',
    });
  }
  const stored = inBrowser(source);
  if (stored?.scheme === 'indexeddb') return readIndexedDb(stored.name);
  if (stored?.scheme === 'opfs') return readDirectory(await findOpfs(stored.name));
  const read = (file: string, optional = false): Promise<Uint8Array | undefined> =>
    readHubFile(env, source, file, { ...options, optional });
  const [config, tensors, card] = [
    await read(ADAPTER_CONFIG_FILE),
    await read(ADAPTER_TENSORS_FILE),
    await read(ADAPTER_CARD_FILE, true),
  ];
  return {
    [ADAPTER_CONFIG_FILE]: config as Uint8Array,
    [ADAPTER_TENSORS_FILE]: tensors as Uint8Array,
    ...(card === undefined ? {} : { [ADAPTER_CARD_FILE]: card }),
  };
}

/**
 * Write an adapter folder, so that what was there before is replaced by whole files only.
 *
 * @param target a path, `indexeddb://key`, `opfs://folder`, or a directory of the browser.
 * @throws ConfigError ADAPTER_SOURCE for a storage that is not there; RuntimeError ADAPTER_WRITE for one that does not
 *   take it.
 */
export async function writeAdapterFiles(target: string | FileSystemDirectoryHandle, files: Files): Promise<void> {
  if (typeof target !== 'string') return writeDirectory(target, files);
  const stored = inBrowser(target);
  if (stored?.scheme === 'indexeddb') return writeIndexedDb(stored.name, files);
  if (stored?.scheme === 'opfs') return writeDirectory(await makeOpfs(stored.name), files);
  for (const [name, bytes] of Object.entries(files)) await writeWhole(`${target}/${name}`, bytes);
}

const isFiles = (source: unknown): source is Files =>
  typeof source === 'object' && source !== null && ADAPTER_CONFIG_FILE in source;
const isDirectory = (source: unknown): source is FileSystemDirectoryHandle =>
  typeof source === 'object' && source !== null && 'getFileHandle' in source;

/** The storage of the browser that an address names, and the folder in it. */
function inBrowser(address: string): { readonly scheme: 'indexeddb' | 'opfs'; readonly name: string } | undefined {
  const [, scheme, rest = ''] = /^(indexeddb|opfs):\/\/(.*)$/is.exec(address) ?? [];
  if (scheme === undefined) return undefined;
  const name = rest.replaceAll(/^\/+|\/+$/g, '');
  if (name === '')
    throw new ConfigError('The address names no adapter', {
      code: 'ADAPTER_SOURCE',
      found: address,
      expected: `${scheme}://my-adapter`,
    });
  return { scheme: scheme.toLowerCase() as 'indexeddb' | 'opfs', name };
}
