// The suite itself depends on no runtime; the compiler's sources are taken by path, so that none becomes a dependency
// of this package.
import { concatChunks, evaluate, readModel, type Value } from '@hadamard-adapter/graph/internal';
import { loadAdapter, loadReferenceModel, saveAdapter } from '@hadamard-adapter/runtime/internal';
import { readEncoder } from '@hadamard-adapter/compiler/internal';
import { layout } from '@hadamard-adapter/core';
import type { Driver, LoadOptions, LoadedModel, ModelSource, PlainModel } from '../../src/index.js';

/**
 * The float64 interpreter as a driver: right by construction, so that whatever a test breaks around it is the only
 * thing wrong.
 */
export const referenceDriver: Driver = {
  runtime: 'reference',
  device: 'cpu',
  async load({ family, variant, model, config }, options) {
    const session = loadReferenceModel(readEncoder(model, { config }), options);
    return {
      ...session,
      foldAndReload: async () => plainModel(concatChunks(await session.fold())),
      save: () => saveAdapter(session, { baseModel: `${family}/${variant}`, labels: [] }),
      async restore(files) {
        await loadAdapter(session, files);
      },
    };
  },
};

function plainModel(bytes: Uint8Array): PlainModel {
  const graph = readModel(bytes);
  return {
    async predict({ batch, sequence, inputIds, attentionMask, tokenTypeIds }) {
      const tokens: Record<string, Int32Array> = {
        input_ids: inputIds,
        attention_mask: attentionMask,
        token_type_ids: tokenTypeIds ?? new Int32Array(inputIds.length),
      };
      const feeds = graph.inputs.map(({ name }): [string, Value] => [
        name,
        { dtype: 'int64', dims: [batch, sequence], data: Float64Array.from(tokens[name] ?? []) },
      ]);
      return Float32Array.from(evaluate(graph, new Map(feeds)).get('logits')?.data ?? []);
    },
    dispose: async () => undefined,
  };
}

/** What a test replaces in a model that is otherwise right. */
export type Change = (model: LoadedModel, options: LoadOptions, source: ModelSource) => Partial<LoadedModel>;

/** The reference driver with something replaced in each model that it loads. */
export function changedDriver(change: Change, settings: Partial<Driver> = {}): Driver {
  return {
    ...referenceDriver,
    ...settings,
    async load(source, options) {
      const model = await referenceDriver.load(source, options);
      return { ...model, ...change(model, options, source) };
    },
  };
}

/** Sets whole parameters to one number. */
export async function fill(model: LoadedModel, fills: Readonly<Record<string, number>>): Promise<void> {
  const places = layout(model.parameters);
  const values = await model.read();
  for (const [name, value] of Object.entries(fills)) places.slice(values, name).fill(value);
  await model.write(values);
}
