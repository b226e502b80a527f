import type { Graph } from '@hadamard-adapter/graph/internal';

/**
 * What the processor computes instead, a few numbers in every model.
 *
 * - WGSL lets sin and cos be off by 2⁻¹¹, and by anything outside of ±π (WGSL, section 15.7.4, accuracy of built-in
 *   functions); angles of rotary positions go to thousands.
 * - ONNX Runtime 1.30 answers wrong values for And and Or of booleans when one side is broadcast along the last axes
 *   (masks of sliding windows).
 */
const ON_PROCESSOR = new Set(['Sin', 'Cos', 'And', 'Or']);

/** Options of the WebGPU execution provider for one graph. */
export function webgpuOptions({ nodes }: Graph): { readonly name: 'webgpu'; readonly forceCpuNodeNames?: string[] } {
  const names = nodes.flatMap(({ op, name }) => (ON_PROCESSOR.has(op) ? [name] : []));
  return { name: 'webgpu', ...(names.length === 0 ? {} : { forceCpuNodeNames: names }) };
}
