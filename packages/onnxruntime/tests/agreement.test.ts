import { IGNORED, normal, type Batch, type Group } from '@hadamard-adapter/core';
import { loadReferenceModel, type SessionOptions } from '@hadamard-adapter/runtime/internal';
import { describe, expect, it } from 'vitest';
import { loadModel } from '../src/index.js';
import { relativeDifference, tinyBert, tinySplit } from './support/tiny.js';

/**
 * float32 against float64 through three layers: sums of some hundred products of numbers near one lose about 1e-6 of
 * the largest. The conformance suite bounds gradients by 2e-5; this is tighter because the model is smaller.
 */
const TOLERANCE = 1e-5;

/** Labels by row; classes when absent. */
type Labels = (row: number) => readonly number[];

const byClass: Labels = (row) => [row % 3];

/** A class for every second token, none for the others and for padding. */
const ofTokens = ({ attentionMask, ...batch }: Batch): Batch => ({
  ...batch,
  attentionMask,
  labels: Float32Array.from(attentionMask, (isToken, i) => (isToken === 1 && i % 2 === 0 ? i % 3 : IGNORED)),
});

/** A span within the first two tokens, which every text has. */
const spans = (batch: Batch): Batch => ({
  ...batch,
  labels: Float32Array.from({ length: 2 * batch.batch }, (_, i) => (i % 4 === 0 ? 0 : i % 2)),
});

/** Each text with the next, and how alike they are. */
const pairs = (batch: Batch): Batch => ({
  ...batch,
  pairs: true,
  labels: Float32Array.from({ length: batch.batch / 2 }, (_, i) => i / 3),
});

/** Labels that follow from the tokens of a batch. */
type Relabel = (batch: Batch) => Batch;

const CASES: [string, SessionOptions, Labels?, Relabel?][] = [
  ['a class for each token', { numLabels: 3, loss: 'token-cross-entropy' }, byClass, ofTokens],
  [
    'a class for each token, a tanh head, output site, both norms',
    { numLabels: 3, loss: 'token-cross-entropy', head: 'tanh', site: 'output', norm: 'both' },
    byClass,
    ofTokens,
  ],
  ['spans', { numLabels: 2, loss: 'span-cross-entropy' }, byClass, spans],
  ['pairs of texts', { numLabels: 1, head: 'cosine' }, byClass, pairs],
  ['pairs of texts by their first tokens', { numLabels: 1, head: 'cosine', pooling: 'first' }, byClass, pairs],
  ['context site, attention norm, first token', { numLabels: 3 }],
  ['output site', { numLabels: 3, site: 'output' }],
  ['both norms', { numLabels: 3, norm: 'both' }],
  ['output norm', { numLabels: 3, norm: 'output' }],
  ['no norm', { numLabels: 3, norm: 'none' }],
  ['the upper layers only', { numLabels: 3, layers: [1, 2] }],
  ['mean pooling', { numLabels: 3, pooling: 'mean' }],
  ['a tanh head', { numLabels: 3, head: 'tanh' }],
  ['a tanh head over mean pooling, output site', { numLabels: 3, head: 'tanh', pooling: 'mean', site: 'output' }],
  ['regression', { numLabels: 1 }, (row) => [Math.sin(row)]],
  ['several labels at once', { numLabels: 4, loss: 'bce' }, (row) => [0, 1, 2, 3].map((bit) => (row >> bit) & 1)],
  ['the whole base trainable', { numLabels: 3, trainBase: true }],
  ['biases of the base', { numLabels: 3, site: 'none', norm: 'none', trainBase: 'bias' }],
  ['scales alone', { numLabels: 3, parts: 'scale' }],
  ['shifts alone, output site', { numLabels: 3, parts: 'shift', site: 'output' }],
  ['IA³', { numLabels: 3, site: 'none', norm: 'none', baseline: { kind: 'ia3' } }],
  ['RED', { numLabels: 3, site: 'none', norm: 'none', baseline: { kind: 'red' } }],
  ['LoRA', { numLabels: 3, site: 'none', norm: 'none', baseline: { kind: 'lora', rank: 4, alpha: 8 } }],
];

/** Predictions, and loss and gradients of each of these sets of groups that the model has. */
async function expectAgreement(
  options: SessionOptions,
  labels: Labels | undefined,
  relabel: Relabel | undefined,
  sets: readonly (readonly Group[])[],
): Promise<void> {
  const split = tinySplit('train', 6, labels);
  const plain = split.batch(Int32Array.of(0, 1, 2, 3, 4, 5));
  const batch = relabel?.(plain) ?? plain;
  const [reference, model] = [loadReferenceModel(tinyBert(), options), await loadModel({ graph: tinyBert() }, options)];
  expect(model.parameters).toEqual(reference.parameters);
  // Away from the identity, so that an adapter that is left out shows.
  const start = await reference.read();
  const shaken = start.map((value, i) => value + (normal(start.length, 0.2, 7, 'shake')[i] as number));
  await reference.write(shaken);
  await model.write(shaken);

  expect(relativeDifference(await model.predict(batch), await reference.predict(batch))).toBeLessThan(TOLERANCE);
  for (const chosen of sets) {
    const present = chosen.filter((group) => model.parameters.some((parameter) => parameter.group === group));
    if (present.length === 0) continue;
    const [found, expected] = [await model.gradients(batch, present), await reference.gradients(batch, present)];
    expect(Math.abs(found.loss - expected.loss)).toBeLessThan(TOLERANCE);
    expect(found.gradients.some((value) => value !== 0)).toBe(true);
    expect(relativeDifference(found.gradients, expected.gradients)).toBeLessThan(TOLERANCE);
  }
  await model.dispose();
}

const everyGroup = ({ trainBase }: SessionOptions): readonly Group[] => [
  'classifier',
  'adapter',
  'norm',
  ...(trainBase === undefined ? [] : (['base'] as const)),
];
/** What each of the two stages trains: graphs of their own. */
const STAGES: readonly (readonly Group[])[] = [['classifier'], ['adapter', 'norm']];

describe('ONNX Runtime computes what the float64 interpreter computes', () => {
  it.each(CASES)('%s', async (...[, options, labels, relabel]) =>
    expectAgreement(options, labels, relabel, [everyGroup(options)]),
  );

  it('stage by stage', () => expectAgreement({ numLabels: 3 }, undefined, undefined, STAGES));

  it.each(CASES)('%s, stage by stage', { tags: ['all'] }, async (...[, options, labels, relabel]) =>
    expectAgreement(options, labels, relabel, STAGES),
  );

  it('the mask of dropout is the same on both, and another in every step', async () => {
    const options = { numLabels: 3, dropout: 0.4, seed: 9 };
    const batch = tinySplit('train', 4).batch(Int32Array.of(0, 1, 2, 3));
    const [reference, model] = [
      loadReferenceModel(tinyBert(), options),
      await loadModel({ graph: tinyBert() }, options),
    ];
    const settings = { groups: ['classifier'] as const, learningRate: 0 };
    const losses: number[] = [];
    for (let step = 0; step < 3; step++) {
      const [found, expected] = [await model.step([batch], settings), await reference.step([batch], settings)];
      expect(Math.abs(found.loss - expected.loss)).toBeLessThan(TOLERANCE);
      losses.push(found.loss);
    }
    expect(new Set(losses).size).toBe(3);
    await model.dispose();
  });
});
