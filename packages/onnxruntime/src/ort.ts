import type { InferenceSession, Tensor as OrtTensor, TypedTensor } from 'onnxruntime-common';

/** The part of ONNX Runtime that this package uses; `onnxruntime-node` and every entry of `onnxruntime-web` have it. */
export interface OrtModule {
  readonly InferenceSession: {
    create(model: Uint8Array, options?: InferenceSession.SessionOptions): Promise<InferenceSession>;
  };
  readonly Tensor: {
    new (type: 'float32', data: Float32Array, dims: readonly number[]): TypedTensor<'float32'>;
    new (type: 'int64', data: BigInt64Array, dims: readonly number[]): TypedTensor<'int64'>;
  };
}

export type Feeds = Readonly<Record<string, OrtTensor>>;
export type Results = ReadonlyMap<string, OrtTensor>;
