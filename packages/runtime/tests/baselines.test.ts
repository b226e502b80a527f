import { layout, normal, type Group } from '@hadamard-adapter/core';
import { describe, expect, it } from 'vitest';
import { loadReferenceModel, saveAdapter, type LocalSession, type SessionOptions } from '../src/internal.js';
import { batchOf, packagedGraph } from '../../compiler/tests/support/packaged.js';

const NONE = { site: 'none', norm: 'none', numLabels: 2 } as const;
const batch = { ...batchOf(), labels: Float32Array.from({ length: batchOf().batch }, (_, row) => row % 2) };
const WIDTH = 32;
const FFN = 64;

const CASES: [string, SessionOptions, Group, number][] = [
  ['IA³', { ...NONE, baseline: { kind: 'ia3' } }, 'adapter', 3 * (2 * WIDTH + FFN)],
  ['RED', { ...NONE, baseline: { kind: 'red' } }, 'adapter', 3 * 2 * WIDTH],
  ['LoRA', { ...NONE, baseline: { kind: 'lora', rank: 4, alpha: 8 } }, 'adapter', 3 * 2 * 2 * 4 * WIDTH],
  [
    'LoRA in two layers',
    { ...NONE, baseline: { kind: 'lora', rank: 4, alpha: 8 }, layers: [0, 2] },
    'adapter',
    2 * 2 * 2 * 4 * WIDTH,
  ],
  // q, k, v, W_O and two norms' shifts of 32 in each layer, two of the feed-forward, and the norm of the embeddings.
  ['BitFit', { ...NONE, trainBase: 'bias' }, 'base', 3 * (6 * WIDTH + FFN + WIDTH) + WIDTH],
  ['scales alone', { numLabels: 2, norm: 'none', parts: 'scale' }, 'adapter', 3 * WIDTH],
  ['shifts alone', { numLabels: 2, norm: 'none', parts: 'shift' }, 'adapter', 3 * WIDTH],
];

/** The baselines that differ in kind: vectors, matrices, numbers of the base. */
const KINDS = new Set(['IA³', 'LoRA', 'BitFit']);

const sizeOf = ({ parameters }: LocalSession, group: Group): number => layout(parameters).sizeOfGroups([group]);

describe.each(['bert', 'roberta', 'electra', 'distilbert', 'bart', 'deberta-v2', 'albert', 't5-encoder'])(
  'on %s',
  (family) => {
    const check = async ([, options, group]: (typeof CASES)[number]): Promise<void> => {
      const graph = packagedGraph(`${family}/model.onnx`);
      const [plain, session] = [loadReferenceModel(graph, NONE), loadReferenceModel(graph, options)];
      expect(await session.encode(batch)).toEqual(await plain.encode(batch));
      const noise = normal(sizeOf(session, group), 0.1, 5, 'noise');
      const values = (await session.read([group])).map((value, i) => value + (noise[i] as number));
      await session.write(values, [group]);
      const { gradients } = await session.gradients(batch, [group]);
      const largest = gradients.reduce((most, g) => Math.max(most, Math.abs(g)), 0);
      expect(largest).toBeGreaterThan(1e-4);
      /** The loss, and where the parameter really is: float32. */
      const at = async (i: number, change: number): Promise<[number, number]> => {
        const moved = values.slice();
        moved[i] = (values[i] as number) + change;
        await session.write(moved, [group]);
        return [(await session.gradients(batch, [])).loss, moved[i] as number];
      };
      for (let i = 3; i < values.length; i += Math.ceil(values.length / 4)) {
        // So small a step hardly meets the kink of a ReLU.
        const [[above, right], [below, left]] = [await at(i, 1e-5), await at(i, -1e-5)];
        expect(Math.abs((above - below) / (right - left) - (gradients[i] as number))).toBeLessThan(1e-4 * largest);
      }
    };
    for (const each of CASES) {
      const [name] = each;
      // T5 has no biases at all.
      if (family === 't5-encoder' && name === 'BitFit') continue;
      // Every baseline on one family; on the others those that differ in kind.
      const tags = family === 'bert' || KINDS.has(name) ? [] : ['all'];
      it(`${name} changes nothing at first, and has the gradients of finite differences`, { tags }, () => check(each));
    }
  },
);

describe('what is trained', () => {
  it.each(CASES)('%s', (_, options, group, expected) => {
    const session = loadReferenceModel(packagedGraph('bert/model.onnx'), options);
    expect(sizeOf(session, group)).toBe(expected);
  });

  it('half an adapter is saved as a whole one', async () => {
    const session = loadReferenceModel(packagedGraph('bert/model.onnx'), { numLabels: 2, parts: 'shift' });
    const values = await session.read(['adapter']);
    await session.write(
      values.map((_, i) => 0.01 * (i + 1)),
      ['adapter'],
    );
    const whole = loadReferenceModel(packagedGraph('bert/model.onnx'), { numLabels: 2 });
    const { loadAdapter } = await import('../src/index.js');
    await loadAdapter(whole, await saveAdapter(session, { baseModel: 'bert', labels: [] }));
    expect(await whole.predict(batch)).toEqual(await session.predict(batch));
    expect(
      layout(whole.parameters)
        .slice(await whole.read(), 'layer.1.adapter.weight')
        .every((w) => w === 1),
    ).toBe(true);
  });
});

describe('what cannot be compared is refused', () => {
  it.each([
    ['BASELINE_SITE', 'bert', { numLabels: 2, baseline: { kind: 'red' } }],
    ['LORA_RANK', 'bert', { ...NONE, baseline: { kind: 'lora', rank: 0, alpha: 1 } }],
    ['ADAPTER_LAYERS', 'bert', { ...NONE, layers: [7], baseline: { kind: 'ia3' } }],
    ['BASELINE_PLACE', 'modernbert', { ...NONE, baseline: { kind: 'ia3' } }],
  ] as const)('%s on %s', (code, family, options) => {
    expect(() => loadReferenceModel(packagedGraph(`${family}/model.onnx`), options)).toThrow(
      expect.objectContaining({ code }),
    );
  });

  it('and not folded', async () => {
    const session = loadReferenceModel(packagedGraph('bert/model.onnx'), { ...NONE, baseline: { kind: 'red' } });
    await expect(session.fold()).rejects.toMatchObject({ code: 'FOLD_BASELINE' });
  });
});
