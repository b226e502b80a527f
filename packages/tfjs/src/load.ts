import {
  compileModel,
  makeSession,
  readBase,
  type BaseModel,
  type LoadOptions as CommonOptions,
  type LocalSession,
} from '@hadamard-adapter/runtime/internal';
import { labelCount, type Batch } from '@hadamard-adapter/core';
import { openDevice } from './devices/devices.js';
import { registerMissingKernels } from './devices/kernels.js';
import { checkOperators } from './check.js';
import { explaining } from './failures.js';
import { TfExecutor } from './executor.js';
import { checkTf, type Tf } from './tf.js';

export interface LoadOptions extends CommonOptions {
  /** Your TensorFlow.js, with the backend of `device` registered. */
  readonly tf: Tf;
  /**
   * `webgpu`, `webgl`, `wasm`, `cpu`, or `tensorflow` (Node, with tfjs-node or tfjs-node-gpu). Default: the active
   * backend.
   */
  readonly device?: string;
}

export interface TfSession extends LocalSession {
  /**
   * Compile the shaders of a prediction and of a step of either stage, for batches of this size, before they are
   * needed. The page can draw between the three; within one, TensorFlow.js compiles without a pause.
   *
   * @param onProgress how much of it is done, from 0 to 1; after every operator of the prediction, then after each
   *   step.
   */
  warmUp(
    size: { readonly batch: number; readonly sequence: number },
    onProgress?: (share: number) => void,
  ): Promise<void>;
}

/**
 * Load a base model for training and inference with Hadamard adapters on TensorFlow.js.
 *
 * @throws ConfigError TF_MISSING, TF_VERSION, TF_COPIES, DEVICE_UNKNOWN, BACKEND_MISSING, and for settings that
 *   contradict; RuntimeError DEVICE_UNAVAILABLE, DEVICE_PRECISION; FormatError for a file that is not an ONNX model;
 *   UnsupportedError for a model without recognisable attention, and OPERATOR_TFJS, KERNEL_MISSING for one that
 *   TensorFlow.js cannot run or differentiate on this device.
 */
export async function loadModel(base: BaseModel, options: LoadOptions): Promise<TfSession> {
  const tf = checkTf(options.tf);
  if (options.device === undefined) await tf.ready();
  const device = options.device ?? tf.getBackend();
  await openDevice(tf, device);
  registerMissingKernels(tf, device);
  const graph = await readBase(base, (model) => (model instanceof Uint8Array ? model : new Uint8Array(model)));
  const compiled = compileModel(graph, options);
  checkOperators(tf, device, compiled);
  let executor: TfExecutor | undefined;
  const session = makeSession(
    compiled,
    (parameters) => (executor = new TfExecutor(tf, device, compiled, parameters)),
    { runtime: 'tfjs', device },
    options,
  );
  return {
    ...session,
    async warmUp({ batch, sequence }, onProgress) {
      const inputs = { batch: warmUpBatch(batch, sequence, session) };
      // Forward, node by node, is the larger half of the shaders that differ.
      explaining(tf, device, () => executor?.walk(inputs, (done, of) => onProgress?.((0.5 * done) / of)));
      await tf.nextFrame();
      await session.gradients(inputs.batch, ['adapter', 'norm']);
      onProgress?.(0.9);
      await tf.nextFrame();
      await session.gradients(inputs.batch, ['classifier']);
      onProgress?.(1);
    },
  };
}

function warmUpBatch(batch: number, sequence: number, { numLabels, loss, compiled: { options } }: LocalSession): Batch {
  const pairs = options.head === 'cosine';
  const rows = pairs ? 2 * batch : batch;
  const size = rows * sequence;
  const labels = new Float32Array(labelCount(loss, numLabels, { rows: batch, tokens: size }));
  return {
    batch: rows,
    sequence,
    inputIds: new Int32Array(size),
    attentionMask: new Int32Array(size).fill(1),
    labels,
    ...(pairs ? { pairs } : {}),
  };
}
