import * as transformers from '@huggingface/transformers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { HadamardModelForSequenceClassification, type SequenceClassifier } from '../src/index.js';

const QUICK = {
  pooling: 'mean',
  classifier: { epochs: 8, learningRate: 0.02 },
  num_train_epochs: 3,
  learning_rate: 0.01,
} as const;
const ASSETS = '/packages/cli/assets/';

transformers.env.allowRemoteModels = false;
transformers.env.allowLocalModels = true;
transformers.env.localModelPath = ASSETS;

const load = (device: string): Promise<SequenceClassifier> =>
  HadamardModelForSequenceClassification.from_pretrained('mini-bert', { transformers, device });

async function examples(split: 'train' | 'test', count: number): Promise<{ texts: string[]; labels: string[] }> {
  const lines = (await (await fetch(`${ASSETS}examples/${split}.csv`)).text())
    .trim()
    .split('\n')
    .slice(1, 1 + count);
  const rows = lines.map(
    (line) => /^(?:"(?<quoted>.*)"|(?<plain>.*)),(?<label>\w+)$/.exec(line)?.groups as Readonly<Record<string, string>>,
  );
  return {
    texts: rows.map(({ quoted, plain }) => (quoted ?? plain ?? '').replaceAll('""', '"')),
    labels: rows.map(({ label }) => label as string),
  };
}

describe('in a browser', () => {
  let model: SequenceClassifier;
  let folder: FileSystemDirectoryHandle;
  beforeAll(async () => {
    folder = await (await navigator.storage.getDirectory()).getDirectoryHandle('subjects', { create: true });
    model = await load('wasm');
  });
  afterAll(async () => {
    await model.dispose();
    await (await navigator.storage.getDirectory()).removeEntry('subjects', { recursive: true });
  });

  it('learns in the tab, is saved to the private file system, and comes back with the same answers', async () => {
    const [train, test] = [await examples('train', 160), await examples('test', 60)];
    await model.fit(train, QUICK);
    const { accuracy = 0 } = await model.evaluate(test);
    // What the same run reaches in Node, see model.test.ts; six classes.
    expect(accuracy).toBeGreaterThan(0.4);
    await model.save_pretrained(folder);
    const again = await load('wasm');
    await again.load_adapter(folder);
    expect(await again.classify(test.texts)).toEqual(await model.classify(test.texts));
    await again.dispose();
  });

  it('answers the same on WebGPU', async () => {
    const { texts } = await examples('test', 8);
    const gpu = await load('webgpu');
    await gpu.load_adapter(folder);
    const [found, expected] = [await gpu.classify(texts), await model.classify(texts)];
    expect(found.map(({ label }) => label)).toEqual(expected.map(({ label }) => label));
    // The int8 base rounds activations; one that falls the other way moves a score by as much.
    found.forEach(({ score }, i) => expect(Math.abs(score - (expected[i]?.score as number))).toBeLessThan(0.02));
    await gpu.dispose();
  });

  it('says what a directory lacks', async () => {
    const empty = await folder.getDirectoryHandle('empty', { create: true });
    await expect(model.load_adapter(empty)).rejects.toMatchObject({ code: 'ADAPTER_SOURCE' });
  });
});
