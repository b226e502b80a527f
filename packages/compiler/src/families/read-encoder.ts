import { type Graph, isSafetensors, readModel, type ReadOptions } from '@hadamard-adapter/graph/internal';
import { buildEncoder } from './build.js';
import { checkpointWeights } from './weights.js';

export interface EncoderOptions extends ReadOptions {
  /** The Hugging Face config, from which the graph of a safetensors checkpoint is built. */
  readonly config?: unknown;
  /** Further files of a checkpoint in several. */
  readonly shards?: readonly Uint8Array[];
}

/**
 * A base model from its file, whichever of the two it is: an ONNX model, or a safetensors checkpoint, which has weights
 * only and whose graph follows from the config.
 *
 * @throws as `readModel`, or as `buildEncoder` and `checkpointWeights`.
 */
export function readEncoder(bytes: Uint8Array, { config, shards = [], ...options }: EncoderOptions = {}): Graph {
  return isSafetensors(bytes) ? buildEncoder(config, checkpointWeights(bytes, ...shards)) : readModel(bytes, options);
}
