import { layout, learningRateAt, type Group, type StepSettings } from '@hadamard-adapter/core';
import { elementAt, present } from '@hadamard-adapter/core/internal';
import { fail, largestDifference, within } from '../compare.js';
import type { LoadedModel } from '@hadamard-adapter/core/driver';
import type { Fixture } from '../fixture.js';
import type { Case, Errors } from './case.js';
import { parameterOf } from './parameters.js';

/**
 * The ten recorded steps of a two-stage run: losses before each update, learning rates, every parameter after each
 * stage, losses at the end.
 */
export function scheduleCases(setup: Omit<Case, 'key' | 'run'>): Case[] {
  const { fixture } = setup;
  if (fixture.golden.trajectory == null || !fixture.has('traj.init.head.weight')) return [];
  return [
    { ...setup, key: `schedule/two-stage/${setup.family}/${setup.variant}`, run: (bench) => run(bench, fixture) },
  ];
}

interface StageSpec {
  readonly name: 'stage1' | 'stage2';
  readonly groups: readonly Group[];
  readonly schedule: {
    readonly learningRate: number;
    readonly schedule: 'constant' | 'linear';
    readonly warmupSteps: number;
  };
}

async function run(bench: Parameters<Case['run']>[0], fixture: Fixture): Promise<Errors> {
  const trajectory = present(fixture.golden.trajectory);
  const model = await bench.fresh();
  const places = layout(model.parameters);
  const start = await model.read();
  for (const part of ['weight', 'bias'])
    places.slice(start, `classifier.${part}`).set(fixture.exact(`traj.init.head.${part}`));
  await model.write(start);

  const stages: StageSpec[] = [
    {
      name: 'stage1',
      groups: ['classifier'],
      schedule: { learningRate: trajectory.stage1.lr, schedule: 'constant', warmupSteps: 0 },
    },
    {
      name: 'stage2',
      groups: ['adapter', 'norm'],
      schedule: { learningRate: trajectory.stage2.lr, schedule: 'linear', warmupSteps: 1 },
    },
  ];
  let worst = 0;
  for (const stage of stages) worst = Math.max(worst, await runStage(bench, model, fixture, stage));
  return { trajectory: worst };
}

async function runStage(
  bench: Parameters<Case['run']>[0],
  model: LoadedModel,
  fixture: Fixture,
  { name, groups, schedule }: StageSpec,
): Promise<number> {
  const bound = bench.tolerances.trajectory;
  const settings = present(fixture.golden.trajectory)[name];
  const [losses, rates] = [fixture.exact(`traj.${name}.loss`), fixture.exact(`traj.${name}.lr`)];
  const adamw: Omit<StepSettings, 'groups' | 'learningRate'> = {
    weightDecay: settings.weight_decay,
    betas: [elementAt(settings.betas, 0), elementAt(settings.betas, 1)],
    epsilon: settings.eps,
  };
  for (let step = 0; step < settings.steps; step++) {
    const learningRate = learningRateAt(schedule, step, settings.steps);
    within(Math.abs(learningRate - elementAt(rates, step)), 1e-9, `${name} learning rate of step ${step}`);
    const { loss } = await model.step([fixture.batch(`traj.batch.${step}`, 'labels')], {
      groups,
      learningRate,
      ...adamw,
    });
    within(Math.abs(loss - elementAt(losses, step)), bound, `${name} loss of step ${step}`);
  }

  const named = layout(model.parameters).named(await model.read());
  let worst = 0;
  const prefix = `traj.${name}.final.`;
  const finals = fixture.names(prefix);
  if (finals.length === 0) fail(`no parameters recorded after ${name}`);
  for (const golden of finals) {
    const parameter = parameterOf(model.parameters, golden);
    if (parameter === undefined) fail(`no parameter for ${golden}`);
    const error = largestDifference(present(named.get(parameter.name)), fixture.exact(`${prefix}${golden}`), golden);
    worst = Math.max(worst, within(error, bound, `${golden} after ${name}`));
  }

  const after = fixture.exact(`traj.${name}.loss_after`);
  for (const [step, expected] of after.entries()) {
    const { loss } = await model.gradients(fixture.batch(`traj.batch.${step}`, 'labels'), groups);
    within(Math.abs(loss - expected), bound, `loss on batch ${step} after ${name}`);
  }
  return worst;
}
