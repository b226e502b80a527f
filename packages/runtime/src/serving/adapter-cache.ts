import { mebibytes } from '@hadamard-adapter/core/internal';
import { ConfigError, RuntimeError } from '@hadamard-adapter/core';
import { LRUCache } from 'lru-cache';
import type { CachedAdapter } from './packed-adapter.js';

/** Adapters in memory by name, bounded by their bytes; the one that was used longest ago leaves first. */
export class AdapterCache {
  private readonly maxBytes: number;
  private readonly adapters: LRUCache<string, CachedAdapter>;
  /** Names of those that had to leave. */
  private readonly evicted = new Set<string>();

  /** @throws ConfigError ADAPTER_BUDGET when `maxBytes` is no whole number from 1 on. */
  constructor(maxBytes: number) {
    if (!Number.isSafeInteger(maxBytes) || maxBytes < 1)
      throw new ConfigError('The memory for adapters is out of range', {
        code: 'ADAPTER_BUDGET',
        found: `maxBytes ${maxBytes}`,
        expected: 'a whole number of bytes from 1 on',
      });
    this.maxBytes = maxBytes;
    this.adapters = new LRUCache<string, CachedAdapter>({
      maxSize: maxBytes,
      sizeCalculation: bytesOf,
      dispose: (_, name, reason) => void (reason === 'evict' && this.evicted.add(name)),
    });
  }

  get names(): string[] {
    return [...this.adapters.keys()];
  }

  get bytes(): number {
    return this.adapters.calculatedSize;
  }

  get(name: string): CachedAdapter | undefined {
    return this.adapters.get(name);
  }

  /** @throws RuntimeError ADAPTER_TOO_LARGE when it does not fit alone. */
  put(name: string, adapter: CachedAdapter): void {
    const size = bytesOf(adapter);
    if (size > this.maxBytes) {
      throw new RuntimeError(`The adapter "${name}" does not fit into the memory for adapters`, {
        code: 'ADAPTER_TOO_LARGE',
        found: mebibytes(size),
        expected: `at most ${mebibytes(this.maxBytes)}`,
        hint: 'Raise maxBytes.',
      });
    }
    this.adapters.set(name, adapter);
    this.evicted.delete(name);
  }

  /** Whether it was known. */
  remove(name: string): boolean {
    const known = this.evicted.delete(name);
    return this.adapters.delete(name) || known;
  }

  /** Keep the same adapter in another layout, if it is still there. */
  replace(name: string, before: CachedAdapter, after: CachedAdapter): void {
    if (before === after || this.adapters.peek(name) !== before) return;
    if (bytesOf(after) <= this.maxBytes) this.adapters.set(name, after);
    else if (this.adapters.delete(name)) this.evicted.add(name);
  }

  /** Why there is no adapter of this name: ADAPTER_EVICTED, ADAPTER_UNKNOWN. */
  missing(name: string): RuntimeError {
    if (!this.evicted.has(name)) {
      return new RuntimeError('There is no such adapter', {
        code: 'ADAPTER_UNKNOWN',
        found: name,
        expected: this.names.slice(0, 10).join(', ') || 'none was added',
        hint: 'Add it first, or give the server a function "load".',
      });
    }
    return new RuntimeError(`The adapter "${name}" had to leave memory for others`, {
      code: 'ADAPTER_EVICTED',
      found: `${this.adapters.size} adapters in ${mebibytes(this.maxBytes)}`,
      hint: 'Raise maxBytes, add it again, or give the server a function "load".',
    });
  }
}

const bytesOf = ({ vectors, head }: CachedAdapter): number =>
  [vectors, ...head.values()].reduce((sum, { byteLength }) => sum + byteLength, 0);
