import { describe, expect, it } from 'vitest';
import {
  IGNORED,
  METRICS,
  bestSpan,
  entitiesOf,
  entityMetric,
  evaluate,
  rowLoss,
  sliceRows,
  spanMetric,
  targetMatrix,
  type Batch,
  type Split,
} from '../src/index.js';
import { checkAdapterConfig, modelCard, taskTypeOf, type AdapterConfig } from '../src/folder.js';
import { failure } from './support/failure.js';

const entities = (text: string): string[] => [...entitiesOf(text.split(' '))].toSorted();

describe('entities', () => {
  it.each([
    ['B-PER I-PER O B-LOC', ['LOC:3:3', 'PER:0:1']],
    ['B-PER B-PER', ['PER:0:0', 'PER:1:1']],
    ['I-PER I-PER', ['PER:0:1']],
    ['B-PER I-LOC', ['LOC:1:1', 'PER:0:0']],
    ['S-PER B-LOC I-LOC E-LOC I-LOC', ['LOC:1:3', 'LOC:4:4', 'PER:0:0']],
    ['O O', []],
    ['noun verb verb', ['noun:0:0', 'verb:1:2']],
  ])('in %s', (text, expected) => {
    expect(entities(text)).toEqual(expected);
  });

  it('end with their text, and count only whole', () => {
    const names = ['O', 'B-PER', 'I-PER'];
    const oneHot = (classes: readonly number[]): Float32Array =>
      Float32Array.from(classes.flatMap((label) => names.map((_, i) => (i === label ? 1 : 0))));
    const truth = Float32Array.of(1, 2, 2, 0);
    // In two texts: PER:0:1 and PER:0:0.
    const rows = Int32Array.of(0, 0, 1, 1);
    expect(entityMetric(names).compute(oneHot([1, 2, 1, 0]), truth, 3, rows)).toEqual({
      f1: 1,
      precision: 1,
      recall: 1,
      accuracy: 0.75,
    });
    expect(entityMetric(names).compute(oneHot([1, 0, 2, 0]), truth, 3, rows)).toEqual({
      f1: 0.5,
      precision: 0.5,
      recall: 0.5,
      accuracy: 0.75,
    });
    expect(entityMetric(names).compute(oneHot([0, 0, 0, 0]), truth, 3, rows)).toEqual({
      f1: 0,
      precision: 0,
      recall: 0,
      accuracy: 0.25,
    });
  });
});

describe('spans', () => {
  it('are the best pair of ends in order and in range', () => {
    // Tokens 3 and 1 have the largest ends, but in the wrong order.
    const logits = Float32Array.of(0, 0, 1, 9, 2, 1, 9, 0, 0, 2);
    expect(bestSpan(logits, { from: 0, to: 5 })).toEqual({ first: 3, last: 4, score: 11 });
    expect(bestSpan(logits, { from: 0, to: 3 })).toEqual({ first: 1, last: 1, score: 10 });
    expect(bestSpan(logits, { from: 0, to: 5, mostTokens: 1 })).toEqual({ first: 1, last: 1, score: 10 });
  });

  it('need something to choose from', async () => {
    expect((await failure(() => bestSpan(new Float32Array(4), { from: 2, to: 2 }))).code).toBe('SPAN_EMPTY');
  });

  it('are scored by tokens and as a whole', () => {
    expect(spanMetric.compute(Float32Array.of(1, 2, 3, 3, 0, 0), Float32Array.of(1, 2, 3, 4, 5, 6), 2)).toEqual({
      exact_match: 1 / 3,
      f1: (1 + 2 / 3 + 0) / 3,
    });
  });
});

/** Three texts of one to three tokens, whose ids are their classes. */
const TEXTS = [[1], [0, 1, 0], [1, 1]];
function split(labels: Float32Array, perRow?: number): Split {
  const lengths = Int32Array.from(TEXTS, ({ length }) => length);
  return {
    id: 'dev',
    size: 3,
    lengths,
    labels,
    batch(rows): Batch {
      const sequence = Math.max(...Array.from(rows, (row) => lengths[row] as number));
      const inputIds = new Int32Array(rows.length * sequence);
      const attentionMask = new Int32Array(rows.length * sequence);
      rows.forEach((row, i) => {
        inputIds.set(TEXTS[row] as number[], i * sequence);
        attentionMask.fill(1, i * sequence, i * sequence + (lengths[row] as number));
      });
      return {
        batch: rows.length,
        sequence,
        inputIds,
        attentionMask,
        ...(perRow === undefined ? {} : { labels: labels.slice(0, perRow * rows.length) }),
        source: { split: 'dev', rows },
      };
    },
  };
}
const echo = {
  numLabels: 2,
  predict: async ({ inputIds }: Batch) => Float32Array.from([...inputIds].flatMap((id) => [1 - id, id])),
};

describe('evaluate', () => {
  it('scores judged tokens in the order of the split, whatever the batch size', async () => {
    const model = { ...echo, loss: 'token-cross-entropy' as const };
    const labels = Float32Array.of(1, IGNORED, 1, 1, IGNORED, 1);
    const one = await evaluate(model, split(labels), METRICS.accuracy, { batchSize: 1 });
    expect(await evaluate(model, split(labels), METRICS.accuracy, { batchSize: 3 })).toEqual(one);
    expect(one.score).toBe(0.75);
    expect([...one.logits]).toEqual([0, 1, 0, 1, 1, 0, 0, 1]);
    const right = Math.log(1 + Math.exp(-1));
    expect(one.loss).toBeCloseTo((3 * right + right + 1) / 4, 6);
  });

  it('scores spans, without a view of padding', async () => {
    const model = { ...echo, loss: 'span-cross-entropy' as const };
    const { scores, logits, loss } = await evaluate(model, split(Float32Array.of(0, 0, 0, 1, 1, 1)), spanMetric, {
      batchSize: 3,
    });
    expect([...logits]).toEqual([0, 0, 0, 1, 0, 0]);
    expect(scores).toEqual({ exact_match: 2 / 3, f1: 2 / 3 });
    // One token: certain. Three tokens: 1, 0, 1 for the beginning and 0, 1, 0 for the end. Two equal ones.
    const expected = [0, 0, Math.log(2 * Math.E + 1) - 1, Math.log(Math.E + 2) - 1, Math.log(2), Math.log(2)];
    expect(loss).toBeCloseTo(expected.reduce((a, b) => a + b, 0) / 6, 6);
  });

  it('refuses labels that do not fit, and none at all', async () => {
    const model = { ...echo, loss: 'token-cross-entropy' as const };
    expect((await failure(() => evaluate(model, split(new Float32Array(5)), METRICS.accuracy))).code).toBe(
      'TARGET_COUNT',
    );
    expect((await failure(() => evaluate(model, split(new Float32Array(6).fill(2)), METRICS.accuracy))).code).toBe(
      'LABEL_OUT_OF_RANGE',
    );
    expect(
      (await failure(() => evaluate(model, split(new Float32Array(6).fill(IGNORED)), METRICS.accuracy))).code,
    ).toBe('TARGET_NONE');
    const broken = { ...model, predict: async () => new Float32Array(12).fill(Number.NaN) };
    expect((await failure(() => evaluate(broken, split(new Float32Array(6)), METRICS.accuracy))).code).toBe(
      'LOGITS_NOT_FINITE',
    );
  });
});

describe('targets of tokens', () => {
  it('weigh each judged token alike', () => {
    expect(
      targetMatrix(Float32Array.of(1, IGNORED, 0, 1), 'token-cross-entropy', 2, { batch: 2, sequence: 2 }),
    ).toEqual(Float32Array.of(0, 2 / 3, 0, 0, 2 / 3, 0, 0, 2 / 3));
  });

  it('are places of both ends', async () => {
    expect(targetMatrix(Float32Array.of(0, 1), 'span-cross-entropy', 2, { batch: 1, sequence: 2 })).toEqual(
      Float32Array.of(1, 0, 0, 1),
    );
    expect(
      (await failure(() => targetMatrix(Float32Array.of(0, 2), 'span-cross-entropy', 2, { batch: 1, sequence: 2 })))
        .code,
    ).toBe('LABEL_OUT_OF_RANGE');
  });
});

describe('pairs', () => {
  it('stay together in parts of a batch', () => {
    const batch: Batch = {
      batch: 4,
      sequence: 1,
      inputIds: Int32Array.of(1, 2, 3, 4),
      attentionMask: new Int32Array(4).fill(1),
      labels: Float32Array.of(0.1, 0.9),
      pairs: true,
      source: { split: 'a', rows: Int32Array.of(5, 6) },
    };
    expect(sliceRows(batch, 2, 4)).toMatchObject({
      batch: 2,
      pairs: true,
      inputIds: Int32Array.of(3, 4),
      labels: Float32Array.of(0.9),
      source: { rows: Int32Array.of(6) },
    });
  });
});

describe('adapters of other tasks', () => {
  const config: AdapterConfig = {
    peft_type: 'HADAMARD',
    format_version: 1,
    base_model_name_or_path: 'org/base',
    base_weights_sha256: '0'.repeat(64),
    hidden_size: 4,
    num_layers: 1,
    site: 'context',
    norm: 'attention',
    layers: [0],
    pooling: 'none',
    head: 'linear',
    loss: 'token-cross-entropy',
    num_labels: 2,
    id2label: { 0: 'O', 1: 'B-PER' },
    task_type: 'TOKEN_CLS',
    modules_to_save: ['classifier'],
    versions: {},
    inference_mode: true,
  };

  it('say so in their config and model card', () => {
    expect(checkAdapterConfig(config)).toEqual(config);
    expect(modelCard(config)).toContain('pipeline_tag: token-classification');
    expect(taskTypeOf({ loss: 'span-cross-entropy', head: 'linear' })).toBe('QUESTION_ANS');
    expect(taskTypeOf({ loss: 'mse', head: 'cosine' })).toBe('FEATURE_EXTRACTION');
  });

  it.each([{ task_type: 'SEQ_CLS' }, { pooling: 'mean' }] as const)('must fit together: %o', async (change) => {
    expect((await failure(() => checkAdapterConfig({ ...config, ...change }))).code).toBe('ADAPTER_CONFIG');
  });

  it('are refused where texts are answered', async () => {
    expect(rowLoss('bce')).toBe('bce');
    expect((await failure(() => rowLoss('token-cross-entropy'))).code).toBe('LOSS_TOKENS');
  });
});
