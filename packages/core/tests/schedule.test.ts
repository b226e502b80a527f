import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { checkPlan, learningRateAt, twoStage, warmupStepsOf } from '../src/index.js';
import { failure } from './support/failure.js';

describe('twoStage', () => {
  it('trains the classifier alone, then adapters and norms with the classifier frozen', () => {
    const { stages, seed } = twoStage({ seed: 3 });
    expect(stages.map(({ name, groups }) => [name, groups])).toEqual([
      ['classifier', ['classifier']],
      ['adapter', ['adapter', 'norm']],
    ]);
    expect(seed).toBe(3);
  });

  it('keeps the classifier trainable on request and takes settings per stage', () => {
    const { stages } = twoStage({
      freezeClassifier: false,
      classifier: { epochs: 9, warmupSteps: 4 },
      adapter: { learningRate: 1e-4, patience: 2 },
    });
    expect(stages[1]?.groups).toEqual(['classifier', 'adapter', 'norm']);
    expect(stages[0]).toMatchObject({ epochs: 9, warmupSteps: 4 });
    expect(stages[0]).not.toHaveProperty('warmupRatio');
    expect(stages[1]).toMatchObject({ learningRate: 1e-4, patience: 2, warmupRatio: 0.06 });
  });

  it('is plain JSON', () => {
    const plan = twoStage();
    expect(checkPlan(JSON.parse(JSON.stringify(plan)))).toEqual(plan);
  });
});

describe('checkPlan', () => {
  const stage = twoStage().stages[0];
  it.each([
    ['epochs', { epochs: 0 }],
    ['epochs', { epochs: 1.5 }],
    ['learningRate', { learningRate: 0 }],
    ['learningRate', { learningRate: NaN }],
    ['learningRate', { learningRate: Infinity }],
    ['groups', { groups: [] }],
    ['groups', { groups: ['adapter', 'adapter'] }],
    ['groups.0', { groups: ['head'] }],
    ['betas.1', { betas: [0.9, 1] }],
    ['batchSize', { batchSize: 0 }],
    ['accumulate', { accumulate: -1 }],
    ['epsilon', { epsilon: 0 }],
    ['weightDecay', { weightDecay: -1 }],
    ['schedule', { schedule: 'cosine' }],
    ['maxGradientNorm', { maxGradientNorm: 0 }],
    ['patience', { patience: 0 }],
    ['name', { name: 'a/b' }],
    ['lr', { lr: 1 }],
    ['stages.0', { warmupSteps: 1, warmupRatio: 0.5 }],
  ])('refuses a wrong %s: %j', async (field, change) => {
    const error = await failure(() => checkPlan({ stages: [{ ...stage, ...change }], seed: 0 }));
    expect(error.code).toBe('PLAN');
    expect(error.message).toContain(field);
  });

  it('refuses anything that is not a plan', async () => {
    for (const plan of [
      undefined,
      null,
      1,
      [],
      {},
      { stages: [], seed: 0 },
      { stages: [stage], seed: -1 },
      { stages: [stage, stage], seed: 0 },
    ]) {
      expect((await failure(() => checkPlan(plan))).code).toBe('PLAN');
    }
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (plan) => {
        expect((await failure(() => checkPlan(plan))).code).toBe('PLAN');
      }),
    );
  });
});

describe('learningRateAt', () => {
  it('follows get_linear_schedule_with_warmup', () => {
    const stage = { learningRate: 1, schedule: 'linear', warmupSteps: 1 } as const;
    // the factors recorded with the PyTorch trajectories: 0, 1, 0.75, 0.5, 0.25
    expect([0, 1, 2, 3, 4].map((step) => learningRateAt(stage, step, 5))).toEqual([0, 1, 0.75, 0.5, 0.25]);
    expect([0, 1, 2, 3].map((step) => learningRateAt({ ...stage, warmupSteps: 0 }, step, 4))).toEqual([
      1, 0.75, 0.5, 0.25,
    ]);
    expect([0, 1, 2, 3].map((step) => learningRateAt({ ...stage, warmupSteps: 10 }, step, 4))).toEqual([
      0, 0.1, 0.2, 0.3,
    ]);
  });

  it('stays constant after warm-up if asked to', () => {
    expect(
      [0, 1, 2, 3].map((step) => learningRateAt({ learningRate: 2, schedule: 'constant', warmupRatio: 0.5 }, step, 4)),
    ).toEqual([0, 1, 2, 2]);
  });

  it('rounds a warm-up ratio up', () => {
    expect(warmupStepsOf({ warmupRatio: 0.06 }, 10)).toBe(1);
    expect(warmupStepsOf({}, 10)).toBe(0);
  });

  it('is never negative, never above the peak, and starts warmed-up stages at 0', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 500 }),
        fc.nat(600),
        fc.constantFrom('linear', 'constant'),
        (total, warmupSteps, schedule) => {
          const rates = Array.from({ length: total }, (_, step) =>
            learningRateAt({ learningRate: 3e-3, schedule, warmupSteps }, step, total),
          );
          expect(rates.every((rate) => rate >= 0 && rate <= 3e-3)).toBe(true);
          if (warmupSteps > 0) expect(rates[0]).toBe(0);
        },
      ),
    );
  });
});
