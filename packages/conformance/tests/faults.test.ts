import { beforeAll, describe, expect, it } from 'vitest';
import { HadamardError, layout } from '@hadamard-adapter/core';
import { collectCases, runSuite, type Fixture, type LoadedModel } from '../src/index.js';
import { packagedFixtures, readFixtures } from '../src/node.js';
import { changedDriver, fill, type Change } from './support/reference-driver.js';

// A suite that cannot fail proves nothing. Each driver here is right but for one thing, and the cases of that thing, no
// other, must fail.

const SELECTION = { families: ['electra'], variants: ['model.onnx'], key: '*/context*' } as const;
let fixtures: Fixture[] = [];
beforeAll(async () => {
  fixtures = await readFixtures(packagedFixtures);
});

const shifted = (values: Float32Array, by = 1e-3): Float32Array => values.map((value) => value + by);
const place = 'electra/model.onnx/context';
const both = (kind: string): string[] => [`${kind}/${place}/b4s12`, `${kind}/${place}/b2s7`];

async function isIdentity(model: LoadedModel): Promise<boolean> {
  const values = await model.read(['adapter']);
  const named = layout(model.parameters).named(values, ['adapter']);
  return [...named].every(([name, part]) => part.every((value) => value === (name.endsWith('.weight') ? 1 : 0)));
}

interface Fault {
  readonly what: string;
  readonly change: Change;
  readonly failing: readonly string[];
  readonly message: RegExp;
}

let loads = 0;

const FAULTS: readonly Fault[] = [
  {
    what: 'one gradient has the wrong sign in one entry',
    change: (model) => ({
      async gradients(batch, groups) {
        const result = await model.gradients(batch, groups);
        const one = layout(model.parameters)
          .named(result.gradients, groups)
          .get('layer.1.adapter.weight') as Float32Array;
        one[3] = -(one[3] as number);
        return result;
      },
    }),
    failing: both('gradient'),
    message: /^gradient of adapter\.layer\.1\.w: off by \d\.\d\de-\d, allowed 2e-5$/,
  },
  {
    what: 'logits are off by 1e-3',
    // The folded model too, as in a runtime with a wrong kernel: that folding changes nothing still holds.
    change: (model) => ({
      predict: async (batch) => shifted(await model.predict(batch)),
      foldAndReload: async () => {
        const plain = await model.foldAndReload();
        return { ...plain, predict: async (batch) => shifted(await plain.predict(batch)) };
      },
    }),
    failing: both('logits'),
    message: /^logits: off by 1\.00e-3, allowed 1e-5$/,
  },
  {
    what: 'hidden states are wrong',
    change: (model) => ({ encode: async (batch) => shifted(await model.encode(batch)) }),
    failing: both('hidden'),
    message: /^hidden states: off by 1\.00e-3, allowed 1e-5$/,
  },
  {
    what: 'an identity adapter changes logits',
    change: (model, { site }) => ({
      predict: async (batch) =>
        shifted(await model.predict(batch), site !== 'none' && (await isIdentity(model)) ? 1e-3 : 0),
    }),
    failing: [`identity/${place}`],
    message: /^logits with an identity adapter: off by 1\.00e-3, allowed 1e-6$/,
  },
  {
    what: 'folding gives another model',
    change: (model) => ({
      async foldAndReload() {
        // As if the shift of the last adapter were forgotten.
        const before = await model.read();
        await fill(model, { 'layer.2.adapter.bias': 0 });
        const folded = await model.foldAndReload();
        await model.write(before);
        return folded;
      },
    }),
    failing: [`fold/equals-unfolded/${place}`],
    message: /^folded logits: off by \d\.\d\de[-+]\d, allowed 1e-5$/,
  },
  {
    what: 'a reload loses an adapter',
    change: (model) => ({
      async restore(files) {
        await model.restore(files);
        await fill(model, { 'layer.2.adapter.weight': 1, 'layer.2.adapter.bias': 0 });
      },
    }),
    failing: [`reload/same-logits/${place}`],
    message: /^logits of the reloaded adapter differ by \d\.\d\de[-+]\d, not one bit is allowed$/,
  },
  {
    what: 'the adapter of another site is accepted',
    change: (model) => ({
      async restore(files) {
        await model.restore(files).catch((error: unknown) => {
          if (!(error instanceof HadamardError && error.code === 'ADAPTER_SITE_MISMATCH')) throw error;
        });
      },
    }),
    failing: [`reload/refuses-other-site/${place}`],
    message: /^expected an error ADAPTER_SITE_MISMATCH, got none$/,
  },
  {
    what: 'a disposed model still answers',
    change: () => ({ dispose: async () => undefined }),
    failing: [`dispose/refuses-use/${place}`],
    message: /^expected an error MODEL_DISPOSED, got none$/,
  },
  {
    what: 'steps are not deterministic',
    change: (model) => {
      const noise = ++loads * 1e-4;
      return {
        async step(batches, settings) {
          const result = await model.step(batches, settings);
          await model.write(shifted(await model.read(['adapter']), noise), ['adapter']);
          return result;
        },
      };
    },
    failing: [`step/deterministic/${place}`],
    message: /^two equal runs differ by \d\.\d\de-\d$/,
  },
];

describe.each(FAULTS)('when $what', ({ change, failing, message }) => {
  it(`fails ${failing.length === 1 ? 'one case' : `${failing.length} cases`} and no other`, async () => {
    const { cases } = collectCases(fixtures, SELECTION);
    const report = await runSuite(changedDriver(change), fixtures, SELECTION);
    expect(report.failures.map(({ key }) => key)).toEqual(failing);
    for (const failure of report.failures) expect(failure.message).toMatch(message);
    expect(report).toMatchObject({ passed: cases.length - failing.length, failed: failing.length, gaps: [] });
  });
});
