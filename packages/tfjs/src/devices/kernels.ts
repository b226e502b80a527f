import type { KernelConfig } from '@tensorflow/tfjs-core';
import { present } from '@hadamard-adapter/core/internal';
import type { Tf } from '../tf.js';

/** The part of a backend that plain kernels use; WASM and CPU have it. */
interface ReadableBackend {
  readSync(dataId: object): Float32Array | Int32Array | Uint8Array;
  write(values: Float32Array, shape: number[], dtype: 'float32'): object;
}

/** The gradient of a gather adds rows up where they came from; the WASM backend has no kernel for it. */
const unsortedSegmentSum: KernelConfig['kernelFunc'] = ({ inputs, attrs, backend }) => {
  const [x, segmentIds] = [present(inputs['x']), present(inputs['segmentIds'])];
  const segments = Number(attrs?.['numSegments']);
  const memory = backend as ReadableBackend;
  const [values, ids] = [memory.readSync(x.dataId), memory.readSync(segmentIds.dataId)];
  const width = values.length / Math.max(1, ids.length);
  const sums = new Float32Array(segments * width);
  ids.forEach((segment, row) => {
    // As in TensorFlow, rows of no segment are dropped.
    if (segment < 0 || segment >= segments) return;
    for (let i = 0; i < width; i++)
      sums[segment * width + i] = (sums[segment * width + i] ?? 0) + (values[row * width + i] ?? 0);
  });
  const shape = [segments, ...x.shape.slice(1)];
  return { dataId: memory.write(sums, shape, 'float32'), shape, dtype: 'float32' };
};

/**
 * Kernels that a backend of TensorFlow.js 4 lacks and training needs. Those that are there, in a later version perhaps,
 * stay.
 */
const MISSING: readonly KernelConfig[] = [
  { kernelName: 'UnsortedSegmentSum', backendName: 'wasm', kernelFunc: unsortedSegmentSum },
];

export function registerMissingKernels(tf: Tf, device: string): void {
  for (const kernel of MISSING) {
    if (kernel.backendName === device && tf.getKernel(kernel.kernelName, device) === undefined)
      tf.registerKernel(kernel);
  }
}
