import { createStore, del, get, keys, update, type UseStore } from 'idb-keyval';
import type { Files } from '@hadamard-adapter/core';
import { noStorage, notSaved, wordsOf } from './errors.js';
import { chosen, copied, type Storage } from './storage.js';

let store: UseStore | undefined;

/** A database of this project's own, so that its keys meet nobody else's. */
function folders(address: string): UseStore {
  if (globalThis.indexedDB === undefined)
    throw noStorage(address, 'no IndexedDB', 'It is in browsers only; elsewhere name a folder by its path.');
  return (store ??= createStore('hadamard-adapters', 'folders'));
}

/**
 * A record in IndexedDB that holds the files of one folder: a transaction writes all of them or none.
 *
 * @param key of the record, such as `my-adapter`.
 */
export function indexedDbStorage(key: string): Storage {
  const address = `indexeddb://${key}`;
  const asked = async <T>(question: (from: UseStore) => Promise<T>): Promise<T> => {
    const from = folders(address);
    return question(from).catch((cause: unknown) => {
      throw noStorage(address, wordsOf(cause), 'Private windows and full disks may refuse it.', cause);
    });
  };
  const kept = async (): Promise<Files> => (await asked((from) => get<Files>(key, from))) ?? {};
  return {
    address,
    read: async (names) => chosen(await kept(), names),
    async write(files) {
      const into = folders(address);
      await update<Files>(key, (before = {}) => ({ ...before, ...copied(files) }), into).catch((cause: unknown) => {
        throw notSaved(address, cause);
      });
    },
    names: async () => Object.keys(await kept()).toSorted(),
    remove: () => asked((from) => del(key, from)),
    beside: () => asked((from) => keys<string>(from)),
  };
}
