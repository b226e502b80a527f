import { beforeAll, describe, expect, it } from 'vitest';
import { tinyBert, tinySplit } from '../../onnxruntime/tests/support/tiny.js';
import { loadModel } from '../src/index.js';
import { tf } from './support/browser.js';

const split = tinySplit('train', 12);
const shapes = [3, 5].map((rows) => split.batch(Int32Array.from({ length: rows }, (_, row) => row)));

beforeAll(async () => {
  await tf.setBackend('cpu');
});

describe.each(['webgl', 'webgpu'])('memory on %s', (device) => {
  it('does not grow from step to step, and is given back', async () => {
    const before = tf.memory().numTensors;
    const model = await loadModel({ graph: tinyBert() }, { tf, device, numLabels: 3 });
    const shares: number[] = [];
    await model.warmUp({ batch: 3, sequence: 8 }, (share) => shares.push(share));
    expect(shares.at(-1)).toBe(1);
    const turn = async (step: number): Promise<void> => {
      await model.step([shapes[step % 2] as (typeof shapes)[number]], {
        groups: ['adapter', 'norm'],
        learningRate: 1e-2,
      });
      await model.predict(shapes[step % 2] as (typeof shapes)[number]);
    };
    for (const step of [0, 1]) await turn(step);
    const { numTensors, numBytes } = tf.memory();
    for (let step = 0; step < 8; step++) await turn(step);
    expect(tf.memory()).toMatchObject({ numTensors, numBytes });
    await model.dispose();
    expect(tf.memory().numTensors).toBe(before);
  });
});
