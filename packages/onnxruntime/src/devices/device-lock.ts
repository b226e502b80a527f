import pLimit, { type LimitFunction } from 'p-limit';

const KEY = Symbol.for('hadamard-adapter.webgpu');

/**
 * Two sessions that run at once on WebGPU write into each other's buffers, also two of different models: so there is
 * one queue for the whole process, shared by every copy of this package in it.
 */
export function withDeviceLock<T>(work: () => Promise<T>): Promise<T> {
  const shared = globalThis as { [KEY]?: LimitFunction };
  shared[KEY] ??= pLimit(1);
  return shared[KEY](work);
}

/** For devices that take several calls at once. */
export const withoutLock = <T>(work: () => Promise<T>): Promise<T> => work();
