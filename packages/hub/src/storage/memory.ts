import type { Files } from '@hadamard-adapter/core';
import { chosen, copied, type Storage } from './storage.js';

/**
 * Files in memory: for tests, and for what is sent on.
 *
 * @param files what is there at first.
 */
export function memoryStorage(files: Files = {}): Storage {
  let kept = copied(files);
  return {
    address: 'memory',
    read: async (names) => copied(chosen(kept, names)),
    async write(more) {
      kept = { ...kept, ...copied(more) };
    },
    async remove() {
      kept = {};
    },
    names: async () => Object.keys(kept).toSorted(),
  };
}
