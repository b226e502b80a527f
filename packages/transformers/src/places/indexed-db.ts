import { createStore, get, keys, set, type UseStore } from 'idb-keyval';
import type { Files } from '@hadamard-adapter/core';
import { noAdapter, noStorage, notSaved, wordsOf } from './errors.js';

const address = (key: string): string => `indexeddb://${key}`;

let store: UseStore | undefined;

/** A database of this project's own, so that its keys meet nobody else's. */
function folders(key: string): UseStore {
  if (globalThis.indexedDB === undefined)
    throw noStorage(address(key), 'no IndexedDB', 'It is in browsers only; elsewhere name a folder by its path.');
  return (store ??= createStore('hadamard-adapters', 'folders'));
}

/**
 * An adapter folder out of IndexedDB.
 *
 * @throws ConfigError ADAPTER_SOURCE when there is none of that key, or no IndexedDB.
 */
export async function readIndexedDb(key: string): Promise<Files> {
  const from = folders(key);
  const [found, there] = await Promise.all([get<Files>(key, from), keys<string>(from)]).catch((cause: unknown) => {
    throw noStorage(address(key), wordsOf(cause), 'Private windows and full disks may refuse it.', cause);
  });
  if (found === undefined) throw noAdapter(address(key), `no key ${JSON.stringify(key)}`, there);
  return found;
}

/**
 * Keep an adapter folder in IndexedDB. It is one record: a transaction writes all files or none, and none of an earlier
 * adapter of that key is left.
 *
 * @throws ConfigError ADAPTER_SOURCE where there is no IndexedDB; RuntimeError ADAPTER_WRITE when it is full.
 */
export async function writeIndexedDb(key: string, files: Files): Promise<void> {
  const into = folders(key);
  // A view brings all of its buffer along, which may be that of a larger file.
  const copies = Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, bytes.slice()]));
  await set(key, copies, into).catch((cause: unknown) => {
    throw notSaved(address(key), cause);
  });
}
