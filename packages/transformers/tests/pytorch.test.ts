import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isTokenLoss, normal, type Batch } from '@hadamard-adapter/core';
import { loadReferenceModel, saveAdapter, type SessionOptions } from '@hadamard-adapter/runtime/internal';
import { readModel } from '@hadamard-adapter/graph/internal';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { noPython, runPython } from '../../../tooling/python.js';

const page = readFileSync(new URL('../docs/pytorch.md', import.meta.url), 'utf8');
const [snippet = '', digest = ''] = [...page.matchAll(/```python\n([\s\S]*?)```/g)].map(([, code]) => code as string);

const ids = [5, 18, 31, 44, 57, 2, 9, 61, 2, 1, 1, 1];
const mask = ids.map((id) => (id === 1 ? 0 : 1));
const batch: Batch = {
  batch: 2,
  sequence: 6,
  inputIds: Int32Array.from(ids),
  attentionMask: Int32Array.from(mask),
  tokenTypeIds: new Int32Array(12),
};

const CASES: readonly (readonly [string, string, SessionOptions])[] = [
  ['context', 'bert', { numLabels: 3, site: 'context', norm: 'attention' }],
  ['output', 'bert', { numLabels: 2, site: 'output', norm: 'both', pooling: 'mean', head: 'tanh' }],
  ['layers', 'bert', { numLabels: 3, site: 'context', norm: 'output', layers: [0, 2], pooling: 'mean' }],
  ['tokens', 'bert', { numLabels: 4, site: 'output', norm: 'none', loss: 'token-cross-entropy' }],
  ['vectors', 'bert', { numLabels: 1, site: 'context', norm: 'both', head: 'cosine', loss: 'mse' }],
  ['roberta', 'roberta', { numLabels: 3, site: 'context', norm: 'both', head: 'tanh' }],
  ['electra', 'electra', { numLabels: 3, site: 'output', norm: 'attention' }],
  ['deberta', 'deberta-v2', { numLabels: 3, site: 'context', norm: 'both', pooling: 'mean' }],
];

const fixture = (family: string): string =>
  fileURLToPath(new URL(`../../conformance-fixtures/fixtures/${family}`, import.meta.url));
const widthOf = (size: number): number => size / ids.length;

describe('docs/pytorch.md', () => {
  it('has a snippet of at most 30 lines', () => {
    expect(snippet.trimEnd().split('\n').length).toBeGreaterThan(10);
    expect(snippet.trimEnd().split('\n').length).toBeLessThanOrEqual(30);
  });
});

const reason = noPython('torch', 'transformers', 'safetensors');

describe.skipIf(reason !== undefined)('the snippet of docs/pytorch.md', () => {
  let folder: string;
  const expected = new Map<string, number[]>();
  const hashes = new Map<string, string>();
  let found: {
    readonly answers: Readonly<Record<string, number[]>>;
    readonly hashes: Readonly<Record<string, string>>;
  };
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hadamard-pytorch-'));
    for (const [name, family, options] of CASES) {
      const session = loadReferenceModel(
        readModel(new Uint8Array(readFileSync(join(fixture(family), 'model.onnx')))),
        options,
      );
      const values = await session.read();
      const noise = normal(values.length, 0.3, 3, name);
      await session.write(values.map((value, i) => value + (noise[i] as number)));
      hashes.set(family, await session.baseDigest());
      const files = await saveAdapter(session, { baseModel: family, labels: [] });
      mkdirSync(join(folder, name));
      for (const [file, bytes] of Object.entries(files)) writeFileSync(join(folder, name, file), bytes);
      expected.set(
        name,
        options.head === 'cosine' ? means(await session.encode(batch)) : [...(await session.predict(batch))],
      );
    }
    const calls = CASES.map(
      ([name, family]) =>
        `answers[${JSON.stringify(name)}] = load_adapter(${JSON.stringify(fixture(family))}, ` +
        `${JSON.stringify(join(folder, name))})(input_ids=ids, attention_mask=mask).flatten().tolist()`,
    );
    const program = [
      snippet,
      digest,
      'torch.set_grad_enabled(False)',
      `ids, mask = torch.tensor(${JSON.stringify(ids)}).view(2, 6), torch.tensor(${JSON.stringify(mask)}).view(2, 6)`,
      'answers = {}',
      ...calls,
      'hashes = {name: weights_digest(AutoModel.from_pretrained(path)) for name, path in ' +
        `${JSON.stringify([...hashes.keys()].map((family) => [family, fixture(family)]))}}`,
      "print(json.dumps({'answers': answers, 'hashes': hashes}))",
    ];
    found = JSON.parse(
      runPython(['-'], { input: program.join('\n') })
        .trim()
        .split('\n')
        .at(-1) as string,
    ) as typeof found;
  }, 300_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('knows the hash of a base', () => {
    expect(found.hashes).toEqual(Object.fromEntries(hashes));
  });

  it.each(CASES)('answers what is answered here: %s, of %s', (name, _, { loss }) => {
    const [ours, theirs] = [expected.get(name) as number[], found.answers[name] as number[]];
    expect(theirs).toHaveLength(ours.length);
    const judged = (i: number): boolean =>
      loss === undefined || !isTokenLoss(loss) || mask[Math.floor(i / widthOf(ours.length))] === 1;
    expect(Math.max(...ours.map((value, i) => (judged(i) ? Math.abs(value - (theirs[i] as number)) : 0)))).toBeLessThan(
      1e-5,
    );
    expect(Math.max(...ours.map(Math.abs))).toBeGreaterThan(0.1);
  });
});

/** Means of hidden states over the tokens of each row. */
function means(hidden: Float32Array): number[] {
  const width = widthOf(hidden.length);
  return [0, 1].flatMap((row) => {
    const tokens = [0, 1, 2, 3, 4, 5].filter((i) => mask[row * 6 + i] === 1);
    return Array.from(
      { length: width },
      (_, channel) =>
        tokens.reduce((sum, i) => sum + (hidden[(row * 6 + i) * width + channel] as number), 0) / tokens.length,
    );
  });
}
