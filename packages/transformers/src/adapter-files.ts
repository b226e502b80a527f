import { present } from '@hadamard-adapter/core/internal';
import { ConfigError, type Files } from '@hadamard-adapter/core';
import { ADAPTER_CARD_FILE, ADAPTER_CONFIG_FILE, ADAPTER_TENSORS_FILE } from '@hadamard-adapter/core/folder';
import {
  browserStorage,
  directoryStorage,
  folderStorage,
  readHubFile,
  type HubOptions,
  type LibraryEnv,
  type Storage,
} from '@hadamard-adapter/hub/internal';

/**
 * Where an adapter folder is: a hub id, a path, the address of a folder, `indexeddb://key`, `opfs://folder`, a
 * directory of the browser, or its files.
 */
export type AdapterSource = string | FileSystemDirectoryHandle | Files;

/** @throws DataError HUB_FILE, HUB_ACCESS; ConfigError ADAPTER_SOURCE. */
export async function readAdapterFiles(env: LibraryEnv, source: AdapterSource, options: HubOptions): Promise<Files> {
  if (isFiles(source)) return source;
  if (isDirectory(source)) return readStored(directoryStorage(source));
  if (typeof source !== 'string') {
    throw new ConfigError('This is no adapter', {
      code: 'ADAPTER_SOURCE',
      found: typeof source,
      expected: 'a hub id, a path, an address, a directory handle, or the files of an adapter folder',
    });
  }
  const storage = browserStorage(source);
  if (storage !== undefined) return readStored(storage);
  const read = (file: string, optional = false): Promise<Uint8Array | undefined> =>
    readHubFile(env, source, file, { ...options, optional });
  const [config, tensors, card] = [
    await read(ADAPTER_CONFIG_FILE),
    await read(ADAPTER_TENSORS_FILE),
    await read(ADAPTER_CARD_FILE, true),
  ];
  return {
    [ADAPTER_CONFIG_FILE]: present(config),
    [ADAPTER_TENSORS_FILE]: present(tensors),
    ...(card === undefined ? {} : { [ADAPTER_CARD_FILE]: card }),
  };
}

/** @throws ConfigError ADAPTER_SOURCE when no adapter, or only part of one, is stored there, with what is beside it. */
async function readStored(storage: Storage): Promise<Files> {
  const files = await storage.read([ADAPTER_CONFIG_FILE, ADAPTER_TENSORS_FILE, ADAPTER_CARD_FILE]);
  const missing = [ADAPTER_CONFIG_FILE, ADAPTER_TENSORS_FILE].find((name) => files[name] === undefined);
  if (missing === undefined) return files;
  const beside = await storage.beside?.();
  throw new ConfigError(`There is no adapter at ${storage.address}`, {
    code: 'ADAPTER_SOURCE',
    found: `no ${missing}`,
    expected: 'what save_pretrained wrote',
    ...(beside === undefined ? {} : { hint: inWords(beside) }),
  });
}

const inWords = (saved: readonly string[]): string =>
  saved.length === 0 ? 'Nothing has been saved there yet.' : `Saved there: ${saved.toSorted().join(', ')}.`;

/**
 * Write an adapter folder, so that what was there before is replaced by whole files only.
 *
 * @param target a path, `indexeddb://key`, `opfs://folder`, or a directory of the browser.
 * @throws ConfigError ADAPTER_SOURCE for a storage that is not there; RuntimeError ADAPTER_WRITE for one that does not
 *   take it.
 */
export async function writeAdapterFiles(target: string | FileSystemDirectoryHandle, files: Files): Promise<void> {
  await storageOf(target).write(files);
}

const storageOf = (target: string | FileSystemDirectoryHandle): Storage =>
  typeof target === 'string' ? (browserStorage(target) ?? folderStorage(target)) : directoryStorage(target);

const isFiles = (source: unknown): source is Files =>
  typeof source === 'object' && source !== null && ADAPTER_CONFIG_FILE in source;
const isDirectory = (source: unknown): source is FileSystemDirectoryHandle =>
  typeof source === 'object' && source !== null && 'getFileHandle' in source;
