/**
 * Threads for WASM; undefined on a page that may have one only. Half of what the processor counts: two of them share the same arithmetic, threads that wait spin, and the page wants to go on answering.
 */
export const wasmThreads = (): number | undefined => (globalThis.crossOriginIsolated ? Math.min(8, Math.ceil(navigator.hardwareConcurrency / 2)) : undefined);
