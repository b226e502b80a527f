import { describe, expect, it } from 'vitest';
import { METRICS, evaluate, predictSplit, referenceLoss, targetMatrix, type Split } from '../src/index.js';
import { failure } from './support/failure.js';
import { toyModel, toySplit } from './support/toy.js';

const split = toySplit('dev', 37, 1);

describe('evaluate', () => {
  it('does not depend on the batch size and gives logits in the order of the rows', async () => {
    const model = toyModel();
    const one = await evaluate(model, split, METRICS.accuracy_f1, { batchSize: 1 });
    const many = await evaluate(model, split, METRICS.accuracy_f1, { batchSize: 10 });
    expect(many).toEqual(one);
    for (const row of [0, 17, 36])
      expect(one.logits.slice(row * 2, row * 2 + 2)).toEqual(await model.predict(split.batch(Int32Array.of(row))));
    expect(one.score).toBe(one.scores['accuracy_f1']);
    expect(one.loss).toBe(
      referenceLoss(
        'cross-entropy',
        one.logits,
        targetMatrix(split.labels as Float32Array, 'cross-entropy', 2, { batch: 37, sequence: 1 }),
        2,
      ).loss,
    );
  });

  it('reports progress', async () => {
    const seen: number[] = [];
    await predictSplit(toyModel(), split, { batchSize: 20, onProgress: (done, total) => void seen.push(done, total) });
    expect(seen).toEqual([20, 37, 37, 37]);
  });

  it('refuses splits that cannot be scored', async () => {
    const { labels, ...unlabelled } = split;
    expect((await failure(() => evaluate(toyModel(), unlabelled, METRICS.accuracy))).code).toBe('SPLIT_LABELS');
    const empty: Split = { ...split, size: 0, lengths: new Int32Array(), labels: new Float32Array() };
    expect((await failure(() => evaluate(toyModel(), empty, METRICS.accuracy))).code).toBe('SPLIT_EMPTY');
    expect(
      (
        await failure(() =>
          evaluate(
            toyModel(),
            { ...split, labels: (labels as Float32Array).map((label) => label + 1) },
            METRICS.accuracy,
          ),
        )
      ).code,
    ).toBe('LABEL_OUT_OF_RANGE');
  });

  it('predicts without labels, stops when told to, and refuses answers that are not numbers', async () => {
    const { labels: _, ...unlabelled } = split;
    expect((await predictSplit(toyModel(), unlabelled)).length).toBe(74);
    expect((await failure(() => predictSplit(toyModel(), split, { signal: AbortSignal.abort() }))).code).toBe(
      'ABORTED',
    );
    const broken = { ...toyModel(), predict: async () => new Float32Array(128).fill(NaN) };
    expect((await failure(() => predictSplit(broken, split))).code).toBe('LOGITS_NOT_FINITE');
  });
});
