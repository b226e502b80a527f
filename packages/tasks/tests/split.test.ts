import { epochBatches } from '@hadamard-adapter/core';
import { describe, expect, it } from 'vitest';
import { tokenize, type Example, type ExampleTable } from '../src/index.js';
import { failure } from './support/failure.js';
import { loadMiniBert } from './support/tokenizers.js';

const tokenizer = loadMiniBert({ maxLength: 8 });
const [CLS, SEP, PAD] = [2, 3, 0];
const [the, tool] = tokenizer.encode('the tool').ids.slice(1, 3) as [number, number];
const table = (...examples: Example[]): ExampleTable => ({
  kind: 'classification',
  examples,
  labels: ['no', 'yes'],
  skipped: [],
});
const batch = async (
  data: ExampleTable,
  ...rows: number[]
): Promise<ReturnType<Awaited<ReturnType<typeof tokenize>>['batch']>> =>
  (await tokenize(data, tokenizer, { id: 'dev' })).batch(Int32Array.from(rows));

describe('a tokenized split', () => {
  const data = table({ text: 'the tool', label: 1 }, { text: 'the', pair: 'tool', label: 0 }, { text: '', label: 1 });

  it('pads to the longest row that is asked for, in the order asked for', async () => {
    expect(await batch(data, 2, 0)).toEqual({
      batch: 2,
      sequence: 4,
      inputIds: Int32Array.of(CLS, SEP, PAD, PAD, CLS, the, tool, SEP),
      attentionMask: Int32Array.of(1, 1, 0, 0, 1, 1, 1, 1),
      tokenTypeIds: new Int32Array(8),
      labels: Float32Array.of(1, 1),
      source: { split: 'dev', rows: Int32Array.of(2, 0) },
    });
  });

  it('keeps the types of a pair', async () => {
    const { inputIds, tokenTypeIds } = await batch(data, 1);
    expect([...inputIds]).toEqual([CLS, the, SEP, tool, SEP]);
    expect([...(tokenTypeIds as Int32Array)]).toEqual([0, 0, 0, 1, 1]);
  });

  it('pads with the token of the tokenizer', async () => {
    const split = await tokenize(data, { ...tokenizer, padId: 77 }, { id: 'dev' });
    expect(split.batch(Int32Array.of(2, 0)).inputIds.slice(0, 4)).toEqual(Int32Array.of(CLS, SEP, 77, 77));
  });

  it('says how many tokens each example has, and how many were cut', async () => {
    const long = 'the '.repeat(50);
    const split = await tokenize(table({ text: 'the tool' }, { text: long }, { text: 'the', pair: long }), tokenizer, {
      id: 'train',
    });
    expect(split).toMatchObject({ id: 'train', size: 3, truncated: 2 });
    expect([...split.lengths]).toEqual([4, 8, 8]);
  });

  it('grows: what was written first is still there', async () => {
    const examples = Array.from({ length: 300 }, (_, i) => ({
      text: i % 3 === 0 ? 'tool' : 'the '.repeat(500),
      label: i % 2,
    }));
    const wide = loadMiniBert({ maxLength: 128 });
    const split = await tokenize(table(...examples), wide, { id: 'train' });
    for (const row of [0, 1, 2, 150, 299])
      expect([...split.batch(Int32Array.of(row)).inputIds]).toEqual(wide.encode(examples[row]?.text ?? '').ids);
  });

  it('has labels when every example has one', async () => {
    expect((await tokenize(data, tokenizer, { id: 'x' })).labels).toEqual(Float32Array.of(1, 0, 1));
    for (const unlabelled of [
      table({ text: 'the' }, { text: 'tool' }),
      table({ text: 'the', label: 1 }, { text: 'tool' }),
    ]) {
      const split = await tokenize(unlabelled, tokenizer, { id: 'x' });
      expect('labels' in split).toBe(false);
      expect('labels' in split.batch(Int32Array.of(0, 1))).toBe(false);
    }
  });

  it('of no examples is empty', async () => {
    const split = await tokenize(table(), tokenizer, { id: 'x' });
    expect([split.size, split.truncated, split.lengths.length]).toEqual([0, 0, 0]);
  });

  it('is what core’s batches are made of', async () => {
    const split = await tokenize(
      table(...Array.from({ length: 20 }, (_, i) => ({ text: 'the '.repeat(i % 5), label: i % 2 }))),
      tokenizer,
      { id: 'train' },
    );
    const batches = epochBatches(split.lengths, 4, 0);
    expect(batches.flatMap((rows) => [...rows]).toSorted((a, b) => a - b)).toEqual(
      Array.from({ length: 20 }, (_, i) => i),
    );
    for (const rows of batches) {
      const { attentionMask, sequence } = split.batch(rows);
      expect(attentionMask.reduce((sum, bit) => sum + bit, 0)).toBe(
        rows.reduce((sum, row) => sum + (split.lengths[row] as number), 0),
      );
      expect(sequence).toBe(Math.max(...rows.map((row) => split.lengths[row] as number)));
    }
  });
});

describe('tokenizing', () => {
  const many = table(...Array.from({ length: 1200 }, () => ({ text: 'the', label: 0 })));

  it('tells how far it is', async () => {
    const calls: number[][] = [];
    await tokenize(many, tokenizer, { id: 'x', onProgress: (...call) => calls.push(call) });
    expect(calls).toEqual([
      [512, 1200],
      [1024, 1200],
    ]);
  });

  it('can be stopped', async () => {
    const controller = new AbortController();
    const calls: number[] = [];
    const onProgress = (done: number): void => {
      calls.push(done);
      controller.abort();
    };
    expect(
      await failure(() => tokenize(many, tokenizer, { id: 'x', signal: controller.signal, onProgress })),
    ).toMatchObject({ name: 'RuntimeError', code: 'ABORTED' });
    expect(calls).toEqual([512]);
  });

  it('lets other work through', async () => {
    let others = 0;
    const timer = setInterval(() => others++, 0);
    await tokenize(table(...Array.from({ length: 5000 }, () => ({ text: 'the tool '.repeat(5) }))), tokenizer, {
      id: 'x',
    });
    clearInterval(timer);
    expect(others).toBeGreaterThan(0);
  });
});
