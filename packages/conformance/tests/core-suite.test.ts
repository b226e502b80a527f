import { beforeAll, describe, expect, it } from 'vitest';
import type { Tensor } from '@hadamard-adapter/core';
import { runCoreSuite, type CaseResult, type Fixture, type SuiteReport } from '../src/index.js';
import { packagedFixtures, readFixtures } from '../src/node.js';
import { edited, without, type Edits } from './support/fixtures.js';

let fixtures: Fixture[] = [];
beforeAll(async () => {
  fixtures = await readFixtures(packagedFixtures);
});

/** Adds to the first number of a tensor that was recorded in float64. */
const moved = (name: string, by: number): Edits => ({
  tensors: (tensors) => {
    const tensor = tensors.get(name) as Tensor;
    expect(tensor.dtype).toBe('F64');
    const values = new Float64Array(tensor.bytes.slice().buffer);
    values[0] = (values[0] as number) + by;
    tensors.set(name, { ...tensor, bytes: new Uint8Array(values.buffer) });
  },
});

const reportOf = async (family: string, edits: Edits): Promise<SuiteReport> =>
  runCoreSuite([await edited(family, edits)]);

describe('the reference math of core', () => {
  it('gives every recorded number, and each measure was taken', () => {
    const report = runCoreSuite(fixtures);
    expect(report.failures).toEqual([]);
    // Loss and classifier for each variant and batch: six variants of bert, five of bart, three of the others. Two
    // schedules.
    expect(report).toMatchObject({
      runtime: 'core',
      device: 'cpu',
      passed: 2 * 2 * (6 + 5 + 8 * 3) + 2,
      failed: 0,
      gaps: [],
      notCovered: [],
    });
    expect(Object.keys(report.families)).toEqual([
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
    ]);
    for (const errors of Object.values(report.families)) {
      for (const measure of ['loss', 'logits', 'gradient'] as const) {
        expect(errors[measure]).toBeGreaterThan(0);
        expect(errors[measure]).toBeLessThan(1e-6);
      }
    }
  });

  it('has stable keys', () => {
    const seen: CaseResult[] = [];
    runCoreSuite(fixtures, { families: ['roberta'], onCase: (result) => seen.push(result) });
    expect(seen.map(({ key }) => key)).toEqual([
      'core/loss/roberta/none/b4s12',
      'core/classifier/roberta/none/b4s12',
      'core/loss/roberta/none/b2s7',
      'core/classifier/roberta/none/b2s7',
      'core/loss/roberta/context/b4s12',
      'core/classifier/roberta/context/b4s12',
      'core/loss/roberta/context/b2s7',
      'core/classifier/roberta/context/b2s7',
      'core/loss/roberta/output/b4s12',
      'core/classifier/roberta/output/b4s12',
      'core/loss/roberta/output/b2s7',
      'core/classifier/roberta/output/b2s7',
      'core/schedule/roberta',
    ]);
    expect(new Set(seen.map(({ outcome }) => outcome))).toEqual(new Set(['passed']));
  });

  it('is filtered by family and key', () => {
    expect(runCoreSuite(fixtures, { key: 'core/schedule' })).toMatchObject({ passed: 2, failed: 0 });
    expect(runCoreSuite(fixtures, { families: ['bert'], key: 'core/loss/*_mse/b2s7' })).toMatchObject({
      passed: 3,
      failed: 0,
    });
    expect(runCoreSuite(fixtures, { families: ['electra'], key: 'schedule' })).toMatchObject({ passed: 0, failed: 0 });
  });
});

describe('a number that is not what core computes fails its case', () => {
  it.each<[string, string, RegExp]>([
    ['context.b4s12.loss.f64', 'core/loss/roberta/context/b4s12', /^loss: off by 1\.00e-5, allowed 1e-6$/],
    [
      'none.b2s7.grad.head.weight.f64',
      'core/classifier/roberta/none/b2s7',
      /^gradient of the classifier: off by 1\.00e-5, allowed 1e-6$/,
    ],
    [
      'none.b2s7.grad.head.bias.f64',
      'core/classifier/roberta/none/b2s7',
      /^gradient of the classifier: off by 1\.00e-5, allowed 1e-6$/,
    ],
    ['output.b2s7.last_hidden_state.f64', 'core/classifier/roberta/output/b2s7', /^logits: off by .*, allowed 1e-6$/],
    ['traj.stage2.lr', 'core/schedule/roberta', /^learning rates of stage2: off by 1\.00e-5, allowed 1e-9$/],
  ])('%s', async (name, key, message) => {
    const report = await reportOf('roberta', moved(name, 1e-5));
    expect(report.failures.map((failure) => failure.key)).toEqual([key]);
    expect(report.failures[0]?.message).toMatch(message);
    expect(report.passed).toBe(12);
  });

  it('logits, which both cases start from or end at', async () => {
    const report = await reportOf('roberta', moved('context.b2s7.logits.f64', 1e-3));
    expect(report.failures.map(({ key }) => key)).toEqual([
      'core/loss/roberta/context/b2s7',
      'core/classifier/roberta/context/b2s7',
    ]);
  });
});

describe('what is not recorded', () => {
  it.each<[string, string, Edits, number]>([
    ['logits make neither case', 'electra', { tensors: without(/^none\.b2s7\.(logits|grad)/) }, 10],
    [
      'a gradient of the classifier makes no case of it',
      'electra',
      { tensors: without(/^none\.b2s7\.grad\.head\.weight/) },
      11,
    ],
    ['a run makes no schedule', 'roberta', { golden: (golden) => (golden.trajectory = null) }, 12],
    ['pooling without a name leaves the losses', 'electra', { golden: (golden) => (golden.pooling = 'last token') }, 6],
  ])('as %s', async (_, family, edits, passed) => {
    expect(await reportOf(family, edits)).toMatchObject({ passed, failed: 0 });
  });

  it('fails the case that starts from it, and says what it is', async () => {
    const report = await reportOf('electra', { tensors: without(/^output\.head\.bias/) });
    expect(report.failures).toEqual(
      ['b4s12', 'b2s7'].map((shape) => ({
        key: `core/classifier/electra/output/${shape}`,
        message: 'The fixture electra has no tensor output.head.bias',
      })),
    );
  });
});
