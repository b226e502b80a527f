import type { Files } from '@hadamard-adapter/core';
import type { Redis } from 'ioredis';
import type { CheckpointStore } from '../execute.js';
import { KEPT_SECONDS, checkpointKey } from './names.js';

/** Larger ones stay out: Redis keeps everything in memory. Their runs start anew when a worker dies. */
const MAX_BYTES = 64 * 2 ** 20;

/** Checkpoints in Redis, where any worker finds them. */
export interface RedisCheckpoints extends CheckpointStore {
  /** The last one is there. */
  settled(): Promise<void>;
}

/**
 * The checkpoints of one run. Training does not wait for them: while one is on its way, or Redis is away, only the
 * newest is remembered and sent next.
 *
 * @param complain told when they are too large to be kept.
 */
export function redisCheckpoints(redis: Redis, complain: (text: string) => void): RedisCheckpoints {
  let next: { readonly key: string; readonly files: Files } | undefined;
  let sending: Promise<void> | undefined;
  let skipped = false;

  const send = async (): Promise<void> => {
    for (let each = next; each !== undefined; each = next) {
      next = undefined;
      const name = checkpointKey(each.key);
      const fields = Object.entries(each.files).flatMap(([file, bytes]) => [
        file,
        Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      ]);
      // At once: two halves of different checkpoints are none.
      await redis
        .multi()
        .del(name)
        .hset(name, ...fields)
        .expire(name, KEPT_SECONDS)
        .exec()
        .catch(() => undefined);
    }
    sending = undefined;
  };

  return {
    async load(key) {
      const files = await redis.hgetallBuffer(checkpointKey(key));
      // Copies: a Buffer is a Uint8Array whose `slice` is none.
      return Object.keys(files).length === 0
        ? undefined
        : Object.fromEntries(Object.entries(files).map(([file, bytes]) => [file, new Uint8Array(bytes)]));
    },
    async save(key, files) {
      const size = Object.values(files).reduce((sum, { byteLength }) => sum + byteLength, 0);
      if (size > MAX_BYTES) {
        if (!skipped)
          complain(
            `a checkpoint of ${Math.round(size / 2 ** 20)} MiB is too large for Redis; if this worker dies, its ` +
              'run starts anew',
          );
        skipped = true;
        return;
      }
      next = { key, files };
      sending ??= send();
    },
    settled: async () => sending,
  };
}
