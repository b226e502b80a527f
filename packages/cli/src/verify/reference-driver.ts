import { ConfigError, type Batch } from '@hadamard-adapter/core';
import type { Driver, PlainModel } from '@hadamard-adapter/conformance';
import { concatChunks, evaluate, loadAdapter, loadReferenceModel, readEncoder, readModel, saveAdapter, type Value } from '@hadamard-adapter/onnx';

/** The interpreter in float64. */
export function referenceDriver(device: string): Driver {
  if (device !== 'cpu') throw new ConfigError('The runtime reference has no such device', { code: 'DEVICE_UNKNOWN', found: device, expected: 'cpu' });
  return {
    runtime: 'reference',
    device,
    async load({ family, variant, model, config }, options) {
      const session = loadReferenceModel(readEncoder(model, { config }), options);
      return {
        ...session,
        foldAndReload: async () => interpreted(concatChunks(await session.fold())),
        save: () => saveAdapter(session, { baseModel: `${family}/${variant}`, labels: [] }),
        async restore(files) {
          await loadAdapter(session, files);
        },
      };
    },
  };
}

/** A folded model without any adapter machinery. */
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
