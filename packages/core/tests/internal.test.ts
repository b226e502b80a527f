import { describe, expect, it } from 'vitest';
import { elementAt, keysOf, labelNames, mebibytes, messageOf, padBatch, padRows, present } from '../src/internal.js';

describe('accessors', () => {
  it('give what is there, also 0 and an empty text', () => {
    expect([elementAt([0], 0), elementAt([''], 0), present(false)]).toEqual([0, '', false]);
    expect(keysOf({ a: 1, b: undefined })).toEqual(['a', 'b']);
  });

  it('throw when nothing is', () => {
    expect(() => elementAt(new Float32Array(2), 2)).toThrow(RangeError);
    expect(() => present(null)).toThrow(RangeError);
  });
});

describe('names of labels', () => {
  it('are in one order: numbers by value, O in front, the rest by code point', () => {
    expect(labelNames(['10', '9', '-1', '9'])).toEqual(['-1', '9', '10']);
    expect(labelNames(['I-PER', 'B-LOC', 'O', 'B-LOC'])).toEqual(['O', 'B-LOC', 'I-PER']);
    expect(labelNames(['ä', 'b', 'Z'])).toEqual(['Z', 'b', 'ä']);
  });
});

describe('padding', () => {
  const rows = [[5, 6, 7], [8], []];
  const tokens = { split: 'dev', ids: (row: number) => rows[row] ?? [], types: () => [], padding: 9 };

  it('fills rows up to the longest that was picked', () => {
    const batch = padBatch(tokens, Int32Array.of(1, 0));
    expect([batch.batch, batch.sequence]).toEqual([2, 3]);
    expect([...batch.inputIds]).toEqual([8, 9, 9, 5, 6, 7]);
    expect([...batch.attentionMask]).toEqual([1, 0, 0, 1, 1, 1]);
    expect(batch.source).toEqual({ split: 'dev', rows: Int32Array.of(1, 0) });
  });

  it('gives a row of nothing one place', () => {
    const batch = padBatch(tokens, Int32Array.of(2));
    expect([batch.sequence, ...batch.inputIds, ...batch.attentionMask]).toEqual([1, 9, 0]);
    expect([...padRows(Int32Array.of(0), 4, () => [1], -100)]).toEqual([1, -100, -100, -100]);
  });
});

describe('texts', () => {
  it('say what was thrown, and how much', () => {
    expect([messageOf(new Error('no')), messageOf('no'), mebibytes(3 * 2 ** 19)]).toEqual(['no', 'no', '1.5 MiB']);
  });
});
