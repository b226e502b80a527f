import { describe, expect, it } from 'vitest';
import { countTrainable, formatCount, formatShare, layout, share, type ParameterInfo } from '../src/index.js';
import { failure } from './support/failure.js';

const parameters: ParameterInfo[] = [
  { name: 'classifier.weight', group: 'classifier', shape: [2, 3] },
  { name: 'classifier.bias', group: 'classifier', shape: [2] },
  { name: 'layer.0.adapter.weight', group: 'adapter', shape: [3] },
  { name: 'layer.0.adapter.bias', group: 'adapter', shape: [3] },
  { name: 'layer.0.attention_norm.weight', group: 'norm', shape: [3] },
];

describe('layout', () => {
  const places = layout(parameters);
  const values = Float32Array.from({ length: 17 }, (_, i) => i);

  it('puts parameters one after the other', () => {
    expect(places.size).toBe(17);
    expect(parameters.map(({ name }) => [places.offset(name), places.sizeOf(name)])).toEqual([
      [0, 6],
      [6, 2],
      [8, 3],
      [11, 3],
      [14, 3],
    ]);
    expect(places.slice(values, 'layer.0.adapter.bias')).toEqual(new Float32Array([11, 12, 13]));
  });

  it('finds the ranges of groups in any order, neighbours merged', () => {
    expect(places.groupRanges(['adapter', 'classifier'])).toEqual([{ start: 0, end: 14 }]);
    expect(places.groupRanges(['norm', 'classifier'])).toEqual([
      { start: 0, end: 8 },
      { start: 14, end: 17 },
    ]);
    expect(places.groupRanges(['base'])).toEqual([]);
    expect(places.sizeOfGroups(['adapter', 'norm'])).toBe(9);
    expect(places.sizeOfGroups()).toBe(17);
  });

  it('gathers and scatters groups', () => {
    expect([...places.gather(values, ['norm', 'classifier'])]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 14, 15, 16]);
    const target = new Float32Array(17);
    places.scatter(target, places.gather(values, ['norm', 'classifier']), ['norm', 'classifier']);
    expect([...target]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 0, 0, 0, 0, 0, 0, 14, 15, 16]);
    const named = places.named(places.gather(values, ['norm', 'adapter']), ['norm', 'adapter']);
    expect([...named].map(([name, part]) => [name, part[0]])).toEqual([
      ['layer.0.adapter.weight', 8],
      ['layer.0.adapter.bias', 11],
      ['layer.0.attention_norm.weight', 14],
    ]);
  });

  it('refuses what does not fit', async () => {
    const code = async (run: () => unknown): Promise<string> => (await failure(run)).code;
    expect(await code(() => places.offset('toString'))).toBe('PARAMETER_UNKNOWN');
    expect(await code(() => places.gather(new Float32Array(16), ['norm']))).toBe('PARAMETER_LENGTH');
    expect(await code(() => places.scatter(values, new Float32Array(2), ['norm']))).toBe('PARAMETER_LENGTH');
    expect(await code(() => layout([...parameters].reverse()))).toBe('PARAMETER_ORDER');
    expect(await code(() => layout([...parameters, ...parameters.slice(-1)]))).toBe('PARAMETER_DUPLICATE');
    expect(await code(() => layout([{ name: 'a', group: 'norm', shape: [-1] }]))).toBe('PARAMETER_SHAPE');
    expect(await code(() => layout([{ name: 'a', group: 'norm', shape: [2 ** 40, 2 ** 40] }]))).toBe('PARAMETER_SHAPE');
  });
});

describe('counts of the paper (section 4.3)', () => {
  const BERT_BASE = 109_482_240;

  it('BERT-base trains 36,864 numbers, 0.0337 %', () => {
    const trainable = countTrainable({ hiddenSize: 768, layers: 12, norm: 'attention' });
    expect(trainable).toBe(36_864);
    expect(formatCount(trainable)).toBe('36,864');
    expect(formatShare(share(trainable, BERT_BASE))).toBe('0.0337 %');
  });

  it('with adapters in eight layers 24,576, 0.0224 %', () => {
    const trainable = countTrainable({ hiddenSize: 768, layers: 8, norm: 'attention' });
    expect(trainable).toBe(24_576);
    expect(formatShare(share(trainable, BERT_BASE))).toBe('0.0224 %');
  });

  it('counts other norms and classifiers', () => {
    const base = { hiddenSize: 10, layers: 2 };
    expect(countTrainable({ ...base, norm: 'none' })).toBe(40);
    expect(countTrainable({ ...base, norm: 'both' })).toBe(120);
    expect(countTrainable({ ...base, norm: 'output', normShift: false })).toBe(60);
    expect(countTrainable({ ...base, norm: 'none', numLabels: 3 })).toBe(40 + 33);
    expect(countTrainable({ ...base, norm: 'none', numLabels: 3, head: 'tanh' })).toBe(40 + 110 + 33);
    expect(share(1, 0)).toBe(0);
  });
});
