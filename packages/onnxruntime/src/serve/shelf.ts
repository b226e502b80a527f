import { ConfigError, RuntimeError } from '@hadamard-adapter/core';
import type { LoadedAdapter } from '@hadamard-adapter/compiler/internal';
import { LRUCache } from 'lru-cache';

/** Adapters in memory, bounded by their bytes. */
export interface Shelf {
  get(name: string): LoadedAdapter | undefined;
  /** @throws RuntimeError ADAPTER_TOO_LARGE when it does not fit alone. */
  put(name: string, adapter: LoadedAdapter): void;
  remove(name: string): boolean;
  /** Keep the same adapter in another layout, if it is still there. */
  replace(name: string, before: LoadedAdapter, after: LoadedAdapter): void;
  names(): string[];
  bytes(): number;
  /** Why there is no adapter of this name: ADAPTER_EVICTED, ADAPTER_UNKNOWN. */
  missing(name: string): RuntimeError;
}

const bytesOf = ({ vectors, head }: LoadedAdapter): number =>
  [vectors, ...head.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** @throws ConfigError ADAPTER_BUDGET when `maxBytes` is no whole number from 1 on. */
export function adapterShelf(maxBytes: number): Shelf {
  if (!Number.isSafeInteger(maxBytes) || maxBytes < 1)
    throw new ConfigError('The memory for adapters is out of range', {
      code: 'ADAPTER_BUDGET',
      found: `maxBytes ${maxBytes}`,
      expected: 'a whole number of bytes from 1 on',
    });
  const evicted = new Set<string>();
  const cache = new LRUCache<string, LoadedAdapter>({
    maxSize: maxBytes,
    sizeCalculation: bytesOf,
    dispose: (_, name, reason) => void (reason === 'evict' && evicted.add(name)),
  });
  const put = (name: string, adapter: LoadedAdapter): void => {
    const size = bytesOf(adapter);
    if (size > maxBytes) {
      throw new RuntimeError(`The adapter "${name}" does not fit into the memory for adapters`, {
        code: 'ADAPTER_TOO_LARGE',
        found: megabytes(size),
        expected: `at most ${megabytes(maxBytes)}`,
        hint: 'Raise maxBytes.',
      });
    }
    cache.set(name, adapter);
    evicted.delete(name);
  };
  return {
    get: (name) => cache.get(name),
    put,
    remove(name) {
      const known = evicted.delete(name);
      return cache.delete(name) || known;
    },
    replace(name, before, after) {
      if (before === after || cache.peek(name) !== before) return;
      if (bytesOf(after) <= maxBytes) cache.set(name, after);
      else if (cache.delete(name)) evicted.add(name);
    },
    names: () => [...cache.keys()],
    bytes: () => cache.calculatedSize,
    missing(name) {
      if (!evicted.has(name)) {
        return new RuntimeError('There is no such adapter', {
          code: 'ADAPTER_UNKNOWN',
          found: name,
          expected: [...cache.keys()].slice(0, 10).join(', ') || 'none was added',
          hint: 'Add it first, or give the server a function "load".',
        });
      }
      return new RuntimeError(`The adapter "${name}" had to leave memory for others`, {
        code: 'ADAPTER_EVICTED',
        found: `${cache.size} adapters in ${megabytes(maxBytes)}`,
        hint: 'Raise maxBytes, add it again, or give the server a function "load".',
      });
    },
  };
}
