import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs';
import { afterAll, describe, expect, it } from 'vitest';
import { hadamardLayers } from '../src/keras.js';
import { folder } from './support/keras-folder.js';
import { sequentialClassifier, textClassifier } from './support/keras-model.js';
import { predictions, toyTask, weightsOf } from './support/keras.js';

const { injectAdapters, twoStageFit } = hadamardLayers(tf);
const data = toyTask(24);
const temporary = mkdtempSync(join(tmpdir(), 'hadamard-keras-'));
afterAll(() => rmSync(temporary, { recursive: true }));

const QUICK = { loss: 'categoricalCrossentropy', classifier: { epochs: 1 }, adapter: { epochs: 1, learningRate: 0.1 } };

async function trained(base: tf.LayersModel): Promise<tf.LayersModel> {
  const model = injectAdapters(base, { match: 'attention' });
  await twoStageFit(model, data, QUICK);
  return model;
}

/** Load and predict in a process that has seen nothing of this one. */
async function fresh(path: string): Promise<{ unknown: string; predictions: number[] }> {
  const script = fileURLToPath(new URL('support/keras-fresh.mjs', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [script, path, JSON.stringify(data.x.arraySync())]);
  return JSON.parse(stdout) as { unknown: string; predictions: number[] };
}

describe('a trained model with adapters', () => {
  it.each([
    ['functional', textClassifier],
    ['sequential', sequentialClassifier],
  ])('predicts the same when it is saved and loaded in a fresh process: %s', async (name, make) => {
    const base = make();
    const before = predictions(base, data.x);
    const model = await trained(base);
    const expected = predictions(model, data.x);
    expect(expected).not.toEqual(before);
    await model.save(folder(join(temporary, name)));
    const loaded = await fresh(join(temporary, name));
    // The same operators on the same numbers: weights are saved as they are.
    expect(loaded.predictions).toEqual(expected);
    expect(loaded.unknown).toContain('Unknown layer: HadamardAdapter');
  });

  it('can be trained on after loading', async () => {
    const path = join(temporary, 'again');
    await (await trained(textClassifier())).save(folder(path));
    const model = await tf.loadLayersModel(folder(path));
    const adapter = model.getLayer('attention_hadamard');
    const before = weightsOf([adapter]);
    expect([...before.values()][0]).not.toEqual(Array.from({ length: 8 }, () => 1));
    await twoStageFit(model, data, QUICK);
    expect(weightsOf([adapter])).not.toEqual(before);
    model.dispose();
  });
});
