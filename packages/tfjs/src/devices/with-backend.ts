import type { Tf } from '../tf.js';

/**
 * Run `work`, which must not wait, with this backend active, and give the one before back. Several models of one page
 * can live on different backends that way.
 */
export function withBackend<T>(tf: Tf, name: string, work: () => T): T {
  const active = tf.getBackend();
  // Once a backend is ready the switch takes effect at once; the promise has nothing to wait for.
  if (active !== name) void tf.setBackend(name);
  try {
    return work();
  } finally {
    if (active !== name) void tf.setBackend(active);
  }
}
