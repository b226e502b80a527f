import type { Driver, LoadedModel, ModelSource } from '@hadamard-adapter/conformance';
import type { Batch, Files } from '@hadamard-adapter/core';
import type { LibraryEnv } from '@hadamard-adapter/hub/internal';
import { loadAdapter, loadModel, saveAdapter } from '@hadamard-adapter/onnxruntime';
import { HadamardModelForSequenceClassification, type Dtype, type SequenceClassifier } from '../src/index.js';
import { readModelFile } from '../src/model-file.js';

/** What the suite needs of a transformers.js. */
export interface TestedLibrary {
  readonly env: object;
  readonly Tensor: new (type: 'int64', data: BigInt64Array, dims: number[]) => unknown;
}

export interface LibraryDriverParts {
  readonly library: TestedLibrary;
  readonly device: string;
  readonly threads?: number;
  /** The same device without transformers.js. */
  readonly plain: Driver;
  /** Make a fixture a folder of the hub that `library.env` finds; answers what to load it by. */
  asRepository(source: ModelSource): { readonly id: string; readonly dtype: Dtype };
}

/**
 * Trained by our session on the graph that was read through the hub's layout; every prediction with an adapter goes the
 * way of a person: an adapter folder, loaded into a model of transformers.js, which is called with tensors of its own.
 */
export function libraryDriver({ library, device, threads, plain, asRepository }: LibraryDriverParts): Driver {
  const place = { device, ...(threads === undefined ? {} : { threads }) };
  const tensor = (data: Int32Array, { batch, sequence }: Batch): unknown =>
    new library.Tensor('int64', BigInt64Array.from(data, BigInt), [batch, sequence]);
  return {
    runtime: 'transformers',
    device,
    async load(source, options) {
      // Without adapters there is nothing to load into transformers.js.
      if (options.site === 'none') return plain.load(source, options);
      const { id, dtype } = asRepository(source);
      const session = await loadModel(
        { graph: await readModelFile(library.env as LibraryEnv, id, { dtype }) },
        { ...options, ...place },
      );
      let opened: SequenceClassifier | undefined;
      const model = async (): Promise<SequenceClassifier> =>
        (opened ??= await HadamardModelForSequenceClassification.from_pretrained(id, {
          transformers: library,
          dtype,
          ...place,
        }));
      const save = (): Promise<Files> =>
        saveAdapter(session, {
          baseModel: id,
          labels: Array.from({ length: session.numLabels }, (_, i) => `LABEL_${i}`),
        });
      const loaded: LoadedModel = {
        ...session,
        async predict(batch) {
          const adapted = await model();
          await adapted.load_adapter(await save());
          const types = batch.tokenTypeIds === undefined ? {} : { token_type_ids: tensor(batch.tokenTypeIds, batch) };
          const { logits } = await adapted({
            input_ids: tensor(batch.inputIds, batch),
            attention_mask: tensor(batch.attentionMask, batch),
            ...types,
          });
          return Float32Array.from(logits?.data as ArrayLike<number>);
        },
        async foldAndReload() {
          const twin = await plain.load(source, options);
          await twin.restore(await save());
          return twin.foldAndReload();
        },
        save,
        async restore(files) {
          await loadAdapter(session, files);
        },
        async dispose() {
          await opened?.dispose();
          await session.dispose();
        },
      };
      return loaded;
    },
  };
}
