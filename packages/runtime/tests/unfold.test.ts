import { normal } from '@hadamard-adapter/core';
import { describe, expect, it } from 'vitest';
import { concatChunks, evaluate, readModel, toFloat32, writeModel, type Graph } from '@hadamard-adapter/graph/internal';
import { loadReferenceModel, type LocalSession } from '../src/internal.js';
import { readEncoder, unfoldAdapters } from '@hadamard-adapter/compiler/internal';
import { packagedConfig, packagedFile, tokens } from '../../compiler/tests/support/packaged.js';

const FAMILIES = [
  'albert',
  'bart',
  'bert',
  'deberta',
  'deberta-v2',
  'distilbert',
  'electra',
  'modernbert',
  'roberta',
  't5-encoder',
];
const baseOf = (family: string, file = 'model.onnx'): Graph =>
  readEncoder(packagedFile(`${family}/${file}`), { config: packagedConfig(family) });

async function trained(base: Graph, site: 'context' | 'output'): Promise<LocalSession> {
  const session = loadReferenceModel(base, { numLabels: 3, site, norm: 'both' });
  const start = await session.read();
  await session.write(start.map((value, i) => value + (normal(start.length, 0.2, 11, 'fold')[i] as number)));
  return session;
}

/** Largest difference of the hidden states of two graphs, in float64. */
function difference(left: Graph, right: Graph): number {
  const hidden = (graph: Graph): Float64Array => {
    const name = graph.outputs.find(({ name: each }) => each !== 'logits')?.name ?? '';
    return evaluate(graph, tokens(graph), { maxElements: Infinity }).get(name)?.data ?? new Float64Array(0);
  };
  const [a, b] = [hidden(left), hidden(right)];
  expect(a.length).toBe(b.length);
  expect(a.length).toBeGreaterThan(0);
  return a.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (b[i] as number))), 0);
}

/** The plain form of a base: what folding an identity adapter gives. */
async function plain(base: Graph): Promise<Graph> {
  return readModel(concatChunks(await loadReferenceModel(base, { numLabels: 3 }).fold()));
}

describe.each(FAMILIES)('%s', (family) => {
  const isUndone = async (site: 'context' | 'output'): Promise<void> => {
    const folded = concatChunks(await (await trained(baseOf(family), site)).fold());
    const base = unfoldAdapters(folded);
    expect(base.outputs).toHaveLength(1);
    const original = await plain(baseOf(family));
    // The adapter did something, and all of it is gone but for two roundings of each number of the matrices.
    expect(difference(readModel(folded), original)).toBeGreaterThan(1e-2);
    expect(difference(base, original)).toBeLessThan(1e-5);
  };
  it('folded at site context and unfolded is the base again', () => isUndone('context'));
  it('folded at site output and unfolded is the base again', { tags: family === 'bert' ? [] : ['all'] }, () =>
    isUndone('output'),
  );
});

describe('vectors and matrices', () => {
  it('come back bit by bit, and within two roundings', async () => {
    const base = unfoldAdapters(concatChunks(await (await trained(baseOf('bert'), 'context')).fold()));
    const original = baseOf('bert').tensors;
    const known = [...original.values()].map((tensor) =>
      tensor.dtype === 'float32' ? toFloat32(tensor) : new Float32Array(0),
    );
    let matrices = 0;
    for (const [name, tensor] of base.tensors) {
      if (!name.includes('.folded')) continue;
      const values = toFloat32(tensor);
      const bound = tensor.dims.length === 2 ? 2 * 2 ** -23 : 0;
      matrices += Number(tensor.dims.length === 2);
      const close = known.some(
        (each) =>
          each.length === values.length &&
          each.every((value, i) => Math.abs(value - (values[i] as number)) <= bound * Math.abs(value)),
      );
      expect(close, name).toBe(true);
    }
    expect(matrices).toBe(3);
  });
});

describe('other precisions', () => {
  it.each([
    ['model.int8.onnx', 0],
    // Half precision keeps three digits, and rounding is done twice.
    ['model.fp16.onnx', 2e-2],
  ])('%s', async (file, bound) => {
    for (const site of ['context', 'output'] as const) {
      const base = unfoldAdapters(concatChunks(await (await trained(baseOf('bert', file), site)).fold()));
      expect(difference(base, await plain(baseOf('bert', file)))).toBeLessThanOrEqual(bound);
    }
  });
});

describe('what cannot be undone is refused', () => {
  it('a scale of 0', async () => {
    const session = await trained(baseOf('bert'), 'context');
    const values = await session.read(['adapter']);
    values[5] = 0;
    await session.write(values, ['adapter']);
    const folded = concatChunks(await session.fold());
    expect(() => unfoldAdapters(folded)).toThrow(expect.objectContaining({ code: 'UNFOLD_ZERO' }));
  });

  it('a base that was trained itself', async () => {
    const folded = concatChunks(await loadReferenceModel(baseOf('bert'), { numLabels: 3, trainBase: true }).fold());
    expect(() => unfoldAdapters(folded)).toThrow(expect.objectContaining({ code: 'FOLD_RECORD' }));
  });

  it('a file that was not folded, and one that was changed', async () => {
    expect(() => unfoldAdapters(packagedFile('bert/model.onnx'))).toThrow(
      expect.objectContaining({ code: 'FOLD_RECORD' }),
    );
    expect(() => unfoldAdapters(new Uint8Array(10))).toThrow(expect.objectContaining({ name: 'FormatError' }));
    const folded = readModel(concatChunks(await (await trained(baseOf('bert'), 'context')).fold()));
    for (const metadata of [
      { 'hadamard_adapter.fold': '{}', 'hadamard_adapter.fold_tensors': '' },
      { 'hadamard_adapter.fold': '{"version":1,"hidden":"h","axes":{}}', 'hadamard_adapter.fold_tensors': '%' },
    ]) {
      const damaged = concatChunks(writeModel(folded, { metadata }));
      expect(() => unfoldAdapters(damaged)).toThrow(expect.objectContaining({ name: 'FormatError' }));
    }
  });
});
