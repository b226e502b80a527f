import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runSuite, type Driver, type LoadedModel } from '@hadamard-adapter/conformance';
import { packagedFixtures, readFixtures } from '@hadamard-adapter/conformance/node';
import type { Batch, Files } from '@hadamard-adapter/core';
import { loadAdapter, loadModel, saveAdapter } from '@hadamard-adapter/onnxruntime';
import { conformanceDriver, nodePlatform } from '@hadamard-adapter/onnxruntime/conformance';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HadamardModelForSequenceClassification, type SequenceClassifier } from '../src/index.js';
import { readModelFile } from '../src/hub/model-file.js';
import type { LibraryEnv } from '../src/library.js';
import { ASSETS, LIBRARIES, type AnyLibrary } from './support.js';

const FAMILIES = ['albert', 'bart', 'bert', 'deberta', 'deberta-v2', 'distilbert', 'electra', 'modernbert', 'roberta', 't5-encoder'];
const DTYPES = { 'model.onnx': 'fp32', 'model.fp16.onnx': 'fp16', 'model.int8.onnx': 'q8' } as const;
const SUFFIXES = { fp32: '', fp16: '_fp16', q8: '_quantized' } as const;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hadamard-layout-'));
  for (const [, { env }] of LIBRARIES) env.localModelPath = `${folder}/`;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A fixture as a folder of the hub; its tokenizer is never asked. */
function asRepository(family: string, variant: string, model: Uint8Array, config: unknown): { id: string; dtype: (typeof DTYPES)[keyof typeof DTYPES] } {
  const dtype = DTYPES[variant as keyof typeof DTYPES];
  const target = join(folder, family);
  mkdirSync(join(target, 'onnx'), { recursive: true });
  writeFileSync(join(target, 'config.json'), JSON.stringify(config));
  writeFileSync(join(target, 'onnx', `model${SUFFIXES[dtype]}.onnx`), model);
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) cpSync(join(ASSETS, 'mini-bert', name), join(target, name));
  return { id: family, dtype };
}

/**
 * Trained by our session on the graph that was read through the hub's layout; every prediction with an adapter goes the way of a person: an adapter folder, loaded into a model of transformers.js, which is called
 * with tensors of its own.
 */
function driverOf(library: AnyLibrary): Driver {
  const plain = conformanceDriver(nodePlatform, 'cpu');
  const tensor = (data: Int32Array, { batch, sequence }: Batch): unknown => new library.Tensor('int64', BigInt64Array.from(data, BigInt), [batch, sequence]);
  return {
    runtime: 'transformers',
    device: 'cpu',
    async load(source, options) {
      const { id, dtype } = asRepository(source.family, source.variant, source.model, source.config);
      // Without adapters of its own, or with more than a folder of them holds, there is nothing to load into transformers.js.
      if (options.site === 'none' || options.trainBase || options.crossAttention || options.head !== 'linear') return plain.load(source, options) as Promise<LoadedModel>;
      const session = await loadModel({ graph: await readModelFile(library.env as unknown as LibraryEnv, id, { dtype }) }, { ...options, threads: 1 });
      let opened: SequenceClassifier | undefined;
      const model = async (): Promise<SequenceClassifier> => (opened ??= await HadamardModelForSequenceClassification.from_pretrained(id, { transformers: library, dtype, threads: 1 }));
      const save = (): Promise<Files> => saveAdapter(session, { baseModel: id, labels: Array.from({ length: session.numLabels }, (_, i) => `LABEL_${i}`) });
      const loaded: LoadedModel = {
        ...session,
        async predict(batch) {
          const adapted = await model();
          await adapted.load_adapter(await save());
          const types = batch.tokenTypeIds === undefined ? {} : { token_type_ids: tensor(batch.tokenTypeIds, batch) };
          const { logits } = await adapted({ input_ids: tensor(batch.inputIds, batch), attention_mask: tensor(batch.attentionMask, batch), ...types });
          return Float32Array.from(logits?.data as ArrayLike<number>);
        },
        foldAndReload: async () => (await (plain.load(source, options) as Promise<LoadedModel>).then(async (twin) => (await twin.restore(await save()), twin))).foldAndReload(),
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

describe.each(LIBRARIES)('the conformance suite through %s', (_, library) => {
  it.each(FAMILIES)('%s', async (family) => {
    const { failures, passed } = await runSuite(driverOf(library), await readFixtures(packagedFixtures, [family]), { variants: Object.keys(DTYPES), key: '*/context*' });
    expect(failures).toEqual([]);
    expect(passed).toBeGreaterThan(5);
  });
});
