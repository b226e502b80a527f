import { ConfigError } from '@hadamard-adapter/core';
import type { Driver, PlainModel } from '@hadamard-adapter/core/driver';
import { present } from '@hadamard-adapter/core/internal';
import { loadReferenceModel, makeConformanceDriver, tokenValue } from '@hadamard-adapter/runtime/internal';
import { evaluate, readModel } from '@hadamard-adapter/graph/internal';

/** The interpreter in float64. */
export function referenceDriver(device: string): Driver {
  if (device !== 'cpu')
    throw new ConfigError('The runtime reference has no such device', {
      code: 'DEVICE_UNKNOWN',
      found: device,
      expected: 'cpu',
    });
  return makeConformanceDriver({ runtime: 'reference', device, load: loadReferenceModel, openPlain: interpreted });
}

function interpreted(model: Uint8Array): PlainModel {
  const graph = readModel(model);
  return {
    async predict(batch) {
      const feeds = new Map(graph.inputs.map(({ name }) => [name, present(tokenValue(batch, name))]));
      return Float32Array.from(
        evaluate(graph, feeds, { maxElements: Number.POSITIVE_INFINITY }).get('logits')?.data ?? [],
      );
    },
    dispose: async () => undefined,
  };
}
