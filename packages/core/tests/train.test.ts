import { describe, expect, it } from 'vitest';
import {
  METRICS,
  checkPlan,
  evaluate,
  layout,
  learningRateAt,
  train,
  twoStage,
  type Split,
  type Stage,
  type StepEvent,
  type TrainEvent,
} from '../src/index.js';
import { failure } from './support/failure.js';
import { data, plan, record } from './support/run.js';
import { toyModel, toySplit } from './support/toy.js';

const stepsOf = (events: readonly TrainEvent[], stage: string): StepEvent[] =>
  events.filter((event) => event.type === 'step').filter((event) => event.stage === stage);

describe('the toy model of these tests', () => {
  it('has the gradients of finite differences', async () => {
    const model = toyModel();
    const batch = data.train.batch(Int32Array.of(0, 5, 9));
    const groups = ['classifier', 'adapter', 'norm'] as const;
    const { gradients } = await model.gradients(batch, groups);
    const start = await model.read();
    for (let i = 0; i < start.length; i += 3) {
      const at = async (shift: number): Promise<number> => {
        await model.write(start.map((value, k) => (k === i ? value + shift : value)));
        return (await model.gradients(batch, [])).loss;
      };
      // float32 logits: errors of 1e-7 over a step of 2e-2
      expect(gradients[i]).toBeCloseTo(((await at(0.01)) - (await at(-0.01))) / 0.02, 4);
    }
  });
});

describe('train', () => {
  it('runs both stages, says what it does, and learns', async () => {
    const { events, result } = await record();
    expect(
      events
        .filter(({ type }) => type !== 'step' && type !== 'precompute' && type !== 'evaluating')
        .map(({ type }) => type),
    ).toEqual(
      (
        'stage-start evaluation epoch-end evaluation epoch-end stage-end stage-start evaluation epoch-end ' +
        'evaluation epoch-end evaluation epoch-end stage-end end'
      ).split(' '),
    );
    expect(events.at(-1)).toEqual({ type: 'end', result });
    expect(result.interrupted).toBe(false);
    expect(result.stages.map(({ name, trainable, epochs, steps }) => [name, trainable, epochs, steps])).toEqual([
      ['classifier', 14, 2, 12],
      ['adapter', 24, 3, 12],
    ]);
    expect(result.stages[1]?.score).toBeGreaterThan(0.7);
    expect(result.history.map(({ stage, epoch }) => [stage, epoch])).toEqual([
      ['classifier', 1],
      ['classifier', 2],
      ['adapter', 1],
      ['adapter', 2],
      ['adapter', 3],
    ]);
    const losses = result.history.map(({ loss }) => loss);
    expect(losses[1]).toBeLessThan(losses[0] as number);
    expect(losses[4]).toBeLessThan(losses[1] as number);
  });

  it('counts steps and examples, and follows the schedule', async () => {
    const { events, model } = await record();
    for (const stage of plan.stages) {
      const steps = stepsOf(events, stage.name);
      expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
      expect(steps.map(({ learningRate }) => learningRate)).toEqual(steps.map((_, i) => learningRateAt(stage, i, 12)));
      expect(steps[0]).toMatchObject({ epoch: 1, totalSteps: 12, learningRate: 0 });
      expect(steps.at(-1)).toMatchObject({
        epoch: stage.epochs,
        examples: stage.epochs * 90,
        totalExamples: stage.epochs * 90,
      });
    }
    // 90 rows make 12 batches of at most 8, three to a step
    const second = model.calls
      .filter((call) => call.startsWith('step adapter+norm '))
      .map((call) => (call.split(' ')[2] as string).split(',').map(Number));
    for (let epoch = 0; epoch < 3; epoch++) {
      const steps = second.slice(epoch * 4, (epoch + 1) * 4);
      expect(steps.map((sizes) => sizes.length)).toEqual([3, 3, 3, 3]);
      expect(steps.flat().toSorted((a, b) => a - b)).toEqual([2, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8]);
    }
  });

  it('stage one changes the classifier only, stage two everything else', async () => {
    const model = toyModel();
    const places = layout(model.parameters);
    const start = await model.read();
    let between = start;
    for await (const event of train(model, data, plan, { metric: METRICS.accuracy })) {
      if (event.type === 'stage-end' && event.stageIndex === 0) between = await model.read();
    }
    const end = await model.read();
    expect(places.gather(between, ['adapter', 'norm'])).toEqual(places.gather(start, ['adapter', 'norm']));
    expect(places.gather(between, ['classifier'])).not.toEqual(places.gather(start, ['classifier']));
    expect(places.gather(end, ['classifier'])).toEqual(places.gather(between, ['classifier']));
    for (const { name, group } of model.parameters)
      if (group !== 'classifier') expect(places.slice(end, name)).not.toEqual(places.slice(start, name));
  });

  it('trains the classifier on when asked to', async () => {
    const open = twoStage({ freezeClassifier: false, classifier: { epochs: 1 }, adapter: { epochs: 1 } });
    const { model } = await record({ plan: open });
    expect(model.calls.some((call) => call.startsWith('step classifier+adapter+norm'))).toBe(true);
  });

  it('is the same run for the same seed, and another for another', async () => {
    const [one, same, other] = [await record(), await record(), await record({ plan: { ...plan, seed: 6 } })];
    expect(same.values).toEqual(one.values);
    expect(same.events).toEqual(one.events);
    expect(other.values).not.toEqual(one.values);
  });

  it('lets the model compute ahead at the start of each stage, the budget shared by tokens', async () => {
    const { model, events } = await record({ options: { maxCacheBytes: 1000 } });
    const [train, dev] = [data.train, data.dev as Split].map(({ lengths }) => lengths.reduce((a, b) => a + b, 0)) as [
      number,
      number,
    ];
    const budget = (tokens: number): number => Math.floor((1000 * tokens) / (train + dev));
    expect(model.calls.filter((call) => call.startsWith('precompute'))).toEqual(
      ['classifier', 'adapter+norm'].flatMap((groups) => [
        `precompute train ${groups} ${budget(train)}`,
        `precompute dev ${groups} ${budget(dev)}`,
      ]),
    );
    expect(events.find(({ type }) => type === 'precompute')).toMatchObject({
      stage: 'classifier',
      split: 'train',
      total: 90,
    });
    expect(
      (await record({ options: { maxCacheBytes: 0 } })).model.calls.some((call) => call.startsWith('precompute')),
    ).toBe(false);
  });
});

describe('choice of the epoch', () => {
  const stage: Stage = { ...(plan.stages[0] as Stage), schedule: 'constant' };
  /** The metric answers these scores in turn. */
  const scripted = (scores: readonly number[]) => {
    let at = 0;
    return { name: 'scripted', main: 'scripted', compute: () => ({ scripted: scores[at++] as number }) };
  };
  const run = async (scores: readonly number[], change: Partial<Stage>, selectBest = true) => {
    const parameters: Float32Array[] = [];
    const model = toyModel();
    const events: TrainEvent[] = [];
    for await (const event of train(
      model,
      data,
      { stages: [{ ...stage, ...change }], seed: 0 },
      { metric: scripted(scores), selectBest },
    )) {
      events.push(event);
      if (event.type === 'epoch-end') parameters.push(await model.read());
    }
    const end = events.at(-1);
    if (end?.type !== 'end') throw new Error('no end');
    return { events, parameters, values: await model.read(), stage: end.result.stages[0] };
  };

  it('restores the parameters of the best epoch, the first of equals', async () => {
    const { parameters, values, stage, events } = await run([0.5, 0.8, 0.8, 0.6], { epochs: 4 });
    expect(stage).toMatchObject({ bestEpoch: 2, epochs: 4, score: 0.8 });
    expect(values).toEqual(parameters[1]);
    expect(values).not.toEqual(parameters[3]);
    expect(events.flatMap((event) => (event.type === 'evaluation' ? [event.best] : []))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  it('keeps the last epoch when told to, or without a dev split', async () => {
    const { parameters, values, stage } = await run([0.5, 0.8, 0.7], { epochs: 3 }, false);
    expect(stage).toMatchObject({ bestEpoch: 3, score: 0.7 });
    expect(values).toEqual(parameters[2]);
    const { result } = await record({ data: { train: data.train } });
    expect(result.stages[0]).toMatchObject({ bestEpoch: 2, epochs: 2 });
    expect(result.stages[0]).not.toHaveProperty('score');
  });

  it('stops after `patience` epochs without a better score', async () => {
    const { stage } = await run([0.5, 0.6, 0.6, 0.4, 0.9], { epochs: 5, patience: 2 });
    expect(stage).toMatchObject({ epochs: 4, bestEpoch: 2, score: 0.6 });
  });

  it('needs a dev split for patience', async () => {
    const patient = checkPlan({ stages: [{ ...stage, patience: 1 }], seed: 0 });
    expect((await failure(() => record({ plan: patient, data: { train: data.train } }))).code).toBe(
      'PATIENCE_WITHOUT_DEV',
    );
  });
});

describe('what cannot be trained', () => {
  it('a learning rate that makes the loss explode is said, with what to lower', async () => {
    const model = toyModel();
    let steps = 0;
    const step = model.step;
    const exploding = {
      ...model,
      step: async (...args: Parameters<typeof step>) => ({ loss: ++steps > 3 ? NaN : (await step(...args)).loss }),
    };
    const error = await failure(() => record({ model: exploding }));
    expect(error).toMatchObject({ code: 'TRAINING_DIVERGED', found: 'loss NaN in step 4 of 12', name: 'RuntimeError' });
    expect(error.hint).toContain('learning rate (now 0.05)');
  });

  it('parameters that became infinite in the last step are found', async () => {
    const model = toyModel();
    const broken = { ...model, read: async () => new Float32Array([Infinity]) };
    expect((await failure(() => record({ model: broken, data: { train: data.train } }))).code).toBe(
      'TRAINING_DIVERGED',
    );
  });

  it('data with one class, no rows, no labels, or labels the model does not have', async () => {
    const code = async (change: Partial<Split>): Promise<string> =>
      (await failure(() => record({ data: { ...data, train: { ...data.train, ...change } } }))).code;
    expect(await code({ labels: new Float32Array(90).fill(1) })).toBe('TRAIN_ONE_CLASS');
    expect(await code({ labels: new Float32Array(90).fill(2) })).toBe('LABEL_OUT_OF_RANGE');
    expect(await code({ labels: new Float32Array(90).fill(NaN) })).toBe('TARGET_NOT_FINITE');
    expect(await code({ size: 0, lengths: new Int32Array(), labels: new Float32Array() })).toBe('SPLIT_EMPTY');
    const { labels: _, ...unlabelled } = data.train;
    expect((await failure(() => record({ data: { train: unlabelled } }))).code).toBe('SPLIT_LABELS');
    expect((await failure(() => record({ data: { train: data.train, dev: { ...unlabelled, id: 'dev' } } }))).code).toBe(
      'SPLIT_LABELS',
    );
  });

  it('a stage without parameters, a plan that is none, a checkpoint every half step', async () => {
    const base = checkPlan({ stages: [{ ...(plan.stages[0] as Stage), groups: ['base'] }], seed: 0 });
    expect((await failure(() => record({ plan: base }))).code).toBe('STAGE_GROUPS');
    expect((await failure(() => record({ plan: { stages: [], seed: 0 } }))).code).toBe('PLAN');
    expect((await failure(() => record({ options: { checkpointEvery: 0.5 } }))).code).toBe('CHECKPOINT_EVERY');
  });
});

describe('other losses', () => {
  it('regression with a correlation as score', async () => {
    const labelOf = (token: number): number => Math.cos(token / 2);
    const regression = { train: toySplit('train', 90, 1, labelOf), dev: toySplit('dev', 40, 2, labelOf) };
    const { result, model } = await record({
      model: toyModel({ loss: 'mse', numLabels: 1 }),
      data: regression,
      options: { metric: METRICS.pearson_spearmanr },
    });
    expect(result.stages[1]?.score).toBeGreaterThan(0.7);
    expect((await evaluate(model, regression.dev, METRICS.pearson_spearmanr)).score).toBe(result.stages[1]?.score);
  });
});

describe('leaving early', () => {
  it('a reader that breaks off during precompute stops the work', async () => {
    const model = toyModel();
    for await (const event of train(model, data, plan, { metric: METRICS.accuracy }))
      if (event.type === 'precompute') break;
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(model.calls.length).toBe(1);
  });
});
