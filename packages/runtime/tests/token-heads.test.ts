import { IGNORED, normal, type Batch } from '@hadamard-adapter/core';
import { describe, expect, it } from 'vitest';
import { loadReferenceModel, type LocalSession, type SessionOptions } from '../src/internal.js';
import { batchOf, packagedGraph } from '../../compiler/tests/support/packaged.js';

const GROUPS = ['classifier', 'adapter', 'norm'] as const;

/** A model away from where adapters change nothing. */
async function shaken(options: SessionOptions): Promise<LocalSession> {
  const session = loadReferenceModel(packagedGraph('bert/model.onnx'), options);
  const values = await session.read();
  const noise = normal(values.length, 0.2, 3, 'shake');
  await session.write(values.map((value, i) => value + (noise[i] as number)));
  return session;
}

const plain = batchOf();
const isToken = (i: number): boolean => plain.attentionMask[i] === 1;
const classes: Batch = {
  ...plain,
  labels: Float32Array.from(plain.attentionMask, (_, i) => (isToken(i) && i % 3 !== 0 ? i % 2 : IGNORED)),
};
const spans: Batch = {
  ...plain,
  labels: Float32Array.from({ length: 2 * plain.batch }, (_, i) => (i % 2 === 0 ? 1 : 2)),
};
const pairs: Batch = {
  ...plain,
  pairs: true,
  labels: Float32Array.from({ length: plain.batch / 2 }, (_, i) => 0.3 + i),
};

const logSumExp = (values: readonly number[]): number => Math.log(values.reduce((sum, z) => sum + Math.exp(z), 0));

/** The losses as the definitions say, from logits. */
const LOSSES = {
  classes(logits: Float32Array) {
    const terms = [...(classes.labels as Float32Array)].flatMap((label, token) => {
      const [z0, z1] = [logits[2 * token] as number, logits[2 * token + 1] as number];
      return label === IGNORED ? [] : [logSumExp([z0, z1]) - (label === 0 ? z0 : z1)];
    });
    return terms.reduce((a, b) => a + b, 0) / terms.length;
  },
  spans(logits: Float32Array) {
    const { batch, sequence } = plain;
    const terms = [...(spans.labels as Float32Array)].map((position, i) => {
      const [row, side] = [i >> 1, i % 2];
      const ofRow = Array.from({ length: sequence }, (_, token) => row * sequence + token);
      return (
        logSumExp(ofRow.filter(isToken).map((at) => logits[2 * at + side] as number)) -
        (logits[2 * (row * sequence + position) + side] as number)
      );
    });
    return terms.reduce((a, b) => a + b, 0) / (2 * batch);
  },
  pairs: (cosines: Float32Array) =>
    [...cosines].reduce((sum, cosine, i) => sum + (cosine - (pairs.labels?.[i] as number)) ** 2, 0) / cosines.length,
};

const CASES = [
  ['classes', { numLabels: 2, loss: 'token-cross-entropy' }, classes],
  ['spans', { numLabels: 2, loss: 'span-cross-entropy' }, spans],
  ['pairs', { numLabels: 1, head: 'cosine' }, pairs],
] as const;

describe.each(CASES)('%s', (kind, options, batch) => {
  it('have the loss of their definition', async () => {
    const session = await shaken(options);
    const { loss } = await session.gradients(batch, []);
    expect(loss).toBeCloseTo(LOSSES[kind](await session.predict(batch)), 5);
  });

  it('have the gradients of finite differences', async () => {
    const session = await shaken(options);
    const { gradients } = await session.gradients(batch, GROUPS);
    const values = await session.read();
    const step = 1e-3;
    const lossAt = async (i: number, change: number): Promise<number> => {
      const moved = values.slice();
      moved[i] = (values[i] as number) + change;
      await session.write(moved);
      return (await session.gradients(batch, [])).loss;
    };
    const largest = gradients.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
    expect(largest).toBeGreaterThan(1e-3);
    for (let i = 0; i < values.length; i += Math.ceil(values.length / 23)) {
      const difference = ((await lossAt(i, step)) - (await lossAt(i, -step))) / (2 * step);
      // A step of 1e-3 errs by its square times the third derivative.
      expect(Math.abs(difference - (gradients[i] as number))).toBeLessThan(1e-3 * largest);
    }
  });
});

describe('classes', () => {
  it('do not see tokens that are not judged', async () => {
    const session = await shaken(CASES[0][1]);
    const fewer = { ...classes, labels: (classes.labels as Float32Array).map((label, i) => (i < 5 ? label : IGNORED)) };
    const { loss } = await session.gradients(fewer, []);
    const logits = await session.predict(fewer);
    const terms = [0, 1, 2, 3, 4].flatMap((token) => {
      const label = fewer.labels[token] as number;
      return label === IGNORED
        ? []
        : [
            logSumExp([logits[2 * token] as number, logits[2 * token + 1] as number]) -
              (logits[2 * token + label] as number),
          ];
    });
    expect(loss).toBeCloseTo(terms.reduce((a, b) => a + b, 0) / terms.length, 5);
  });

  it('none of which is judged teach nothing', async () => {
    const session = await shaken(CASES[0][1]);
    const { loss, gradients } = await session.gradients(
      { ...classes, labels: (classes.labels as Float32Array).map(() => IGNORED) },
      GROUPS,
    );
    expect(loss).toBe(0);
    expect(gradients.every((g) => g === 0)).toBe(true);
  });
});

describe('what does not belong together is refused', () => {
  it.each([
    ['HEAD_LOSS', { numLabels: 2, loss: 'token-cross-entropy', pooling: 'mean' }],
    ['HEAD_LOSS', { numLabels: 2, pooling: 'none' }],
    ['HEAD_LOSS', { numLabels: 3, loss: 'span-cross-entropy' }],
    ['HEAD_LOSS', { numLabels: 2, head: 'cosine' }],
    ['HEAD_DROPOUT', { numLabels: 1, head: 'cosine', dropout: 0.1 }],
  ] as const)('%s: %o', (code, options) => {
    expect(() => loadReferenceModel(packagedGraph('bert/model.onnx'), options)).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it.each([
    ['BATCH_PAIRS', CASES[2][1], plain],
    ['BATCH_PAIRS', CASES[0][1], { ...classes, pairs: true }],
    ['TARGET_COUNT', CASES[0][1], spans],
    [
      'LABEL_OUT_OF_RANGE',
      CASES[1][1],
      { ...spans, labels: Float32Array.from({ length: 2 * plain.batch }, () => plain.sequence) },
    ],
    ['LABEL_OUT_OF_RANGE', CASES[0][1], { ...classes, labels: new Float32Array(plain.attentionMask.length).fill(2) }],
  ] as const)('%s', async (code, options, batch) => {
    const session = loadReferenceModel(packagedGraph('bert/model.onnx'), options);
    await expect(
      session.gradients({ labels: new Float32Array(plain.batch), ...batch }, ['adapter']),
    ).rejects.toMatchObject({ code });
  });
});
