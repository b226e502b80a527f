import { METRICS } from '@hadamard-adapter/core';
import { describe, expect, it } from 'vitest';
import { GLUE, defaultMetric, glueTask, readGlue, taskMetric, type Example, type GlueId } from '../src/index.js';
import { failure } from './support/failure.js';
import { FILES, folder } from './support/glue.js';

interface Expected {
  readonly labels: readonly string[];
  /** Name of the metric, and the score that the best epoch is chosen by. */
  readonly metric: readonly [name: string, main: string];
  readonly train: readonly Example[];
  readonly dev: Readonly<Record<string, readonly Example[]>>;
}

// The order of labels is that of `glue` on the Hugging Face hub: models trained elsewhere answer in it.
const EXPECTED: Readonly<Record<GlueId, Expected>> = {
  cola: {
    labels: ['unacceptable', 'acceptable'],
    metric: ['matthews_correlation', 'matthews_correlation'],
    train: [
      { text: 'The dog sleeps.', label: 1 },
      { text: 'Dog the sleeps.', label: 0 },
    ],
    dev: { '': [{ text: 'Sleeps the dog the.', label: 0 }] },
  },
  sst2: {
    labels: ['negative', 'positive'],
    metric: ['accuracy', 'accuracy'],
    train: [
      { text: 'a joy from start to end', label: 1 },
      { text: 'it drags on', label: 0 },
    ],
    dev: { '': [{ text: 'worth the ticket', label: 1 }] },
  },
  mrpc: {
    labels: ['not_equivalent', 'equivalent'],
    metric: ['f1_accuracy', 'f1'],
    train: [
      { text: 'The firm grew.', pair: 'The company became larger.', label: 1 },
      { text: 'He left.', pair: 'She stayed.', label: 0 },
    ],
    dev: { '': [{ text: 'It rained.', pair: 'There was rain.', label: 1 }] },
  },
  stsb: {
    labels: ['score'],
    metric: ['pearson_spearmanr', 'pearson_spearmanr'],
    train: [
      { text: 'A man cooks.', pair: 'A man is cooking.', label: 5 },
      { text: 'A boy runs.', pair: 'The moon is far.', label: 0.25 },
    ],
    dev: { '': [{ text: 'A girl sings.', pair: 'A girl hums.', label: 3.4 }] },
  },
  qqp: {
    labels: ['not_duplicate', 'duplicate'],
    metric: ['f1_accuracy', 'f1'],
    train: [
      { text: 'How old is it?', pair: 'What is its age?', label: 1 },
      { text: 'Why?', pair: 'How far is it?', label: 0 },
    ],
    dev: { '': [{ text: 'Who won?', pair: 'Who was it that won?', label: 1 }] },
  },
  mnli: {
    labels: ['entailment', 'neutral', 'contradiction'],
    metric: ['accuracy', 'accuracy'],
    train: [
      { text: 'It is late.', pair: 'It is not early.', label: 0 },
      { text: 'It is late.', pair: 'I am tired.', label: 1 },
      { text: 'It is late.', pair: 'It is early.', label: 2 },
    ],
    dev: {
      _matched: [{ text: 'He ran.', pair: 'He moved.', label: 0 }],
      _mismatched: [{ text: 'He ran.', pair: 'He stood still.', label: 2 }],
    },
  },
  qnli: {
    labels: ['entailment', 'not_entailment'],
    metric: ['accuracy', 'accuracy'],
    train: [
      { text: 'When was it built?', pair: 'It was built in May.', label: 0 },
      { text: 'Who built it?', pair: 'It was built in May.', label: 1 },
    ],
    dev: { '': [{ text: 'Where is it?', pair: 'It is tall.', label: 1 }] },
  },
  rte: {
    labels: ['entailment', 'not_entailment'],
    metric: ['accuracy', 'accuracy'],
    train: [
      { text: 'The bridge was opened in June.', pair: 'There is a bridge.', label: 0 },
      { text: 'There is a bridge.', pair: 'The bridge is old.', label: 1 },
    ],
    dev: { '': [{ text: 'She speaks Polish.', pair: 'She is silent.', label: 1 }] },
  },
};

const ids = Object.keys(GLUE) as GlueId[];

it('there are eight tasks', () => {
  expect(ids.toSorted()).toEqual(Object.keys(EXPECTED).toSorted());
  expect(ids).toHaveLength(8);
});

describe.each(ids)('%s', (id) => {
  const task = GLUE[id];
  const expected = EXPECTED[id];

  it('reads the official files', async () => {
    const { train, dev } = await readGlue(task, folder(FILES[id]));
    expect(train).toEqual({
      kind: id === 'stsb' ? 'regression' : 'classification',
      examples: expected.train,
      labels: expected.labels,
      skipped: [],
    });
    expect(Object.fromEntries(dev.map(({ name, table }) => [name, table.examples]))).toEqual(expected.dev);
    expect(dev.map(({ table }) => table.labels)).toEqual(dev.map(() => expected.labels));
  });

  it('has the labels and the metric of the benchmark', () => {
    expect(task.labels).toEqual(expected.labels);
    const metric = taskMetric(task);
    expect([metric.name, metric.main]).toEqual(expected.metric);
  });

  it('reads the same from its own folder, from a lower-case one, and with CR LF', async () => {
    const whole = await readGlue(task, folder(FILES[id]));
    const renamed = (
      change: (name: string) => string,
      text = (file: string): string => file,
    ): ReturnType<typeof folder> =>
      folder(Object.fromEntries(Object.entries(FILES[id]).map(([name, file]) => [change(name), text(file)])));
    expect(
      await readGlue(
        task,
        renamed((name) => name.replace(/^.+\//, '')),
      ),
    ).toEqual(whole);
    expect(
      await readGlue(
        task,
        renamed((name) => name.toLowerCase()),
      ),
    ).toEqual(whole);
    expect(
      await readGlue(
        task,
        renamed(
          (name) => name,
          (file) => file.replaceAll('\n', '\r\n'),
        ),
      ),
    ).toEqual(whole);
    expect(
      await readGlue(
        task,
        renamed(
          (name) => name,
          (file) => file.trimEnd(),
        ),
      ),
    ).toEqual(whole);
  });
});

describe('a task by name', () => {
  it.each([
    ['sst2', 'sst2'],
    ['SST-2', 'sst2'],
    ['sst_2', 'sst2'],
    ['STS-B', 'stsb'],
    ['CoLA', 'cola'],
    ['MNLI', 'mnli'],
  ] as const)('%s', (name, id) => {
    expect(glueTask(name)).toBe(GLUE[id]);
  });

  it.each(['wnli', '', 'mnli-mm', 'constructor', '__proto__'])('that is not there: "%s"', async (name) => {
    expect(await failure(() => glueTask(name))).toMatchObject({
      code: 'TASK_UNKNOWN',
      found: JSON.stringify(name),
      expected: 'cola, sst2, mrpc, stsb, qqp, mnli, qnli, rte',
    });
  });
});

describe('metrics', () => {
  // Two rows of two logits: one right, one wrong.
  const logits = new Float32Array([0, 1, 0, 1]);

  it('of MRPC and QQP are F1 and accuracy, with F1 first', () => {
    const scores = taskMetric(GLUE.mrpc).compute(logits, new Float32Array([1, 0]), 2);
    expect(scores['f1']).toBeCloseTo(2 / 3, 12);
    expect(scores['accuracy']).toBe(0.5);
    expect(taskMetric(GLUE.qqp)).toBe(taskMetric(GLUE.mrpc));
  });

  it('of a table of one’s own go by what is predicted', () => {
    expect(defaultMetric({ kind: 'classification' })).toBe(METRICS.accuracy);
    expect(defaultMetric({ kind: 'regression' })).toBe(METRICS.pearson_spearmanr);
  });
});
