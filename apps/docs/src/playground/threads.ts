/**
 * Threads for WASM; undefined on a page that may have one only. Half of what the processor counts, since two of those
 * share the same arithmetic and threads that wait spin; but two where there are two.
 */
export const wasmThreads = (): number | undefined => {
  if (!globalThis.crossOriginIsolated) return undefined;
  const cores = navigator.hardwareConcurrency;
  return Math.min(cores, 8, Math.max(2, Math.ceil(cores / 2)));
};
