import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { inputLimits } from '@hadamard-adapter/compiler';
import { METRICS, train } from '@hadamard-adapter/core';
import { loadModel } from '@hadamard-adapter/onnxruntime';
import { loadTokenizer, readTable, toExamples, tokenize } from '@hadamard-adapter/tasks';
import { planOf, type Settings } from '../../../src/playground/settings.js';

const assets = join(dirname(createRequire(import.meta.url).resolve('@hadamard-adapter/cli/package.json')), 'assets');
const bytes = (path: string): Uint8Array => readFileSync(join(assets, path));

/** Held-out texts that each stage classifies correctly when Node trains with these settings. */
export async function trainInNode(settings: Settings): Promise<Record<string, number>> {
  const tokenizer = loadTokenizer(bytes('mini-bert/tokenizer.json'), {
    config: bytes('mini-bert/tokenizer_config.json'),
    ...inputLimits(JSON.parse(new TextDecoder().decode(bytes('mini-bert/config.json'))) as Record<string, unknown>),
  });
  const examples = toExamples(await readTable(bytes('examples/train.csv'), 'train.csv'));
  const heldOut = toExamples(await readTable(bytes('examples/test.csv'), 'test.csv'), { labels: examples.labels });
  const [trainSplit, dev] = [
    await tokenize(examples, tokenizer, { id: 'train' }),
    await tokenize(heldOut, tokenizer, { id: 'dev' }),
  ];
  const model = await loadModel(
    { model: bytes('mini-bert/onnx/model.onnx') },
    { numLabels: examples.labels.length, device: 'cpu', threads: 1 },
  );
  const right: Record<string, number> = {};
  for await (const event of train(model, { train: trainSplit, dev }, planOf(settings), {
    metric: METRICS.accuracy,
    selectBest: false,
  })) {
    if (event.type === 'stage-end') right[event.result.name] = Math.round((event.result.score ?? 0) * dev.size);
  }
  await model.dispose();
  return right;
}
