import { messageOf } from '@hadamard-adapter/core/internal';
import { HadamardError, RuntimeError, UnsupportedError } from '@hadamard-adapter/core';
import { deviceLost, outOfMemory } from '@hadamard-adapter/runtime/internal';
import type { Tf } from './tf.js';

const REDUCE_MEMORY =
  'Less is needed with a smaller batch (and "accumulate" for the same step), shorter sequences, or adapters on the ' +
  'upper layers only (layers).';

/**
 * Run `work`; what TensorFlow.js throws comes as one of our errors: KERNEL_MISSING with the devices that have the
 * kernel, OUT_OF_MEMORY, DEVICE_LOST, and otherwise TFJS_RUN in its own words.
 */
export function explaining<T>(tf: Tf, device: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw explain(tf, device, cause);
  }
}

export function explain(tf: Tf, device: string, cause: unknown): HadamardError {
  if (cause instanceof HadamardError) return cause;
  const message = messageOf(cause);
  const kernel =
    /Kernel '(\w+)' not registered/.exec(message)?.[1] ??
    /Cannot compute gradient: gradient function not found for (\w+)/.exec(message)?.[1];
  if (kernel !== undefined) return kernelMissing(tf, device, kernel, message, cause);
  if (/context ?lost|device.*lost|lost.*device/i.test(message)) return deviceLost(device, message, cause);
  if (
    cause instanceof RangeError ||
    /out of memory|allocation failed|exceeds the max|texture size .* greater than/i.test(message)
  )
    return outOfMemory(device, message, REDUCE_MEMORY, cause);
  return new RuntimeError('TensorFlow.js could not run the graph', { code: 'TFJS_RUN', found: message, cause });
}

/** @param found who needs it, or what TensorFlow.js says. */
export function kernelMissing(
  tf: Tf,
  device: string,
  kernel: string,
  found: string,
  cause?: unknown,
): UnsupportedError {
  const others = Object.keys(tf.engine().registryFactory).filter(
    (backend) => backend !== device && tf.getKernel(kernel, backend) !== undefined,
  );
  return new UnsupportedError(`TensorFlow.js cannot compute ${kernel} on the device ${device}`, {
    code: 'KERNEL_MISSING',
    found,
    expected:
      others.length === 0 ? 'a kernel and its gradient' : `one of the devices ${others.join(', ')}, which have it`,
    hint:
      'With @tensorflow/tfjs-core alone, gradients have to be registered: import ' +
      "'@tensorflow/tfjs-core/dist/register_all_gradients'.",
    cause,
  });
}
