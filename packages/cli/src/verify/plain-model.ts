import type { Batch } from '@hadamard-adapter/core';
import type { PlainModel } from '@hadamard-adapter/conformance';
import { evaluate, readModel, type Value } from '@hadamard-adapter/onnx';
import { InferenceSession, Tensor } from 'onnxruntime-node';

/** A folded model opened as anyone would open it: an ONNX file with token inputs and `logits`, without any adapter machinery. */
export async function openPlainModel(runtime: string, model: Uint8Array, numLabels: number): Promise<PlainModel> {
  return runtime === 'reference' ? interpreted(model) : onOnnxRuntime(model, numLabels);
}

async function onOnnxRuntime(model: Uint8Array, numLabels: number): Promise<PlainModel> {
  const session = await InferenceSession.create(model);
  return {
    async predict(batch) {
      const feeds: Record<string, Tensor> = {};
      for (const name of session.inputNames) feeds[name] = new Tensor('int64', BigInt64Array.from(tokens(batch, name), BigInt), [batch.batch, batch.sequence]);
      const { logits } = await session.run(feeds, ['logits']);
      return ((logits as Tensor).data as Float32Array).subarray(0, batch.batch * numLabels);
    },
    dispose: () => session.release(),
  };
}

function interpreted(model: Uint8Array): PlainModel {
  const graph = readModel(model);
  return {
    async predict(batch) {
      const feeds = new Map<string, Value>(graph.inputs.map(({ name }) => [name, { dtype: 'int64', dims: [batch.batch, batch.sequence], data: Float64Array.from(tokens(batch, name)) }]));
      return Float32Array.from(evaluate(graph, feeds, { maxElements: Number.POSITIVE_INFINITY }).get('logits')?.data ?? []);
    },
    dispose: async () => undefined,
  };
}

function tokens(batch: Batch, name: string): Int32Array {
  if (name === 'input_ids') return batch.inputIds;
  return name === 'attention_mask' ? batch.attentionMask : (batch.tokenTypeIds ?? new Int32Array(batch.inputIds.length));
}
