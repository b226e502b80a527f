import { IGNORED, type Split } from '../model/batch.js';
import { epochBatches } from './bucketing.js';
import { checkCheckpoint, dataFingerprint, type Checkpoint, type EpochRecord, type StageResult } from './checkpoint.js';
import { ConfigError, DataError, MismatchError, RuntimeError } from '../errors.js';
import { evaluate, labelsOf } from './evaluate.js';
import type { Evaluation } from './predict.js';
import { layout } from '../model/layout.js';
import type { Metric } from '../metrics/metrics.js';
import type { Group, TrainableModel } from '../model/model.js';
import { withProgress } from './progress.js';
import { checkPlan, learningRateAt, type Plan, type Stage } from './schedule.js';
import type { TrainEvent, TrainResult } from './train-events.js';
import { elementAt, present } from '../values.js';

export interface TrainData {
  readonly train: Split;
  /** Without it nothing is scored and the last epoch of a stage stands. */
  readonly dev?: Split;
}

export interface TrainOptions {
  readonly metric: Metric;
  /** Rows per batch on the dev split. Default 64. */
  readonly evaluateBatchSize?: number;
  /** Memory for activations computed ahead, for both splits together. 0 computes none ahead. Default 512 MiB. */
  readonly maxCacheBytes?: number;
  /** Continue from here; plan, data, identity and model must be the same. */
  readonly resume?: Checkpoint;
  /** Give out a checkpoint every so many steps, and at the end of each stage. Default: none. */
  readonly checkpointEvery?: number;
  /** Aborting ends the run after the current step, with a checkpoint. */
  readonly signal?: AbortSignal;
  /** At the end of a stage go back to its best epoch on the dev split. Default true. */
  readonly selectBest?: boolean;
  /**
   * What the run depends on besides plan, data and parameter shapes, for instance the hash of the base model; kept in
   * checkpoints and compared on resume.
   */
  readonly identity?: Readonly<Record<string, string>>;
}

/** What changes during a run, and with the parameters of the model all of its state. */
interface Progress {
  stage: number;
  epoch: number;
  step: number;
  epochLoss: { sum: number; rows: number };
  best: Checkpoint['best'];
  epochsSinceBest: number;
  history: EpochRecord[];
  stages: StageResult[];
}

interface Run {
  readonly model: TrainableModel;
  readonly data: TrainData;
  readonly plan: Plan;
  readonly options: TrainOptions;
  readonly progress: Progress;
  snapshot(): Promise<Checkpoint>;
}

/**
 * Train a model through the stages of a plan. Iterate over the events; the result also comes with the last of them
 * (`end` or `interrupted`).
 *
 * A run depends only on model, data, plan and device: order of rows and all else random derive from the plan's seed and
 * the position in the run, so a resumed run gives the same bits as one that never stopped.
 *
 * @throws ConfigError PLAN, STAGE_GROUPS (the model has no parameter of any group of a stage), PATIENCE_WITHOUT_DEV,
 *   CHECKPOINT_EVERY; DataError for splits that are empty, unlabelled, of one class (TRAIN_ONE_CLASS), or have labels
 *   the model does not have; MismatchError when `resume` belongs to another run; RuntimeError DEVICE_LOST, after a
 *   checkpoint of the last step; TRAINING_DIVERGED when the loss or a parameter is no longer a number.
 */
export async function* train(
  model: TrainableModel,
  data: TrainData,
  plan: Plan,
  options: TrainOptions,
): AsyncGenerator<TrainEvent, TrainResult> {
  const run = await prepare(model, data, checkPlan(plan), options);
  const { progress } = run;
  const result = (interrupted: boolean): TrainResult => ({
    stages: [...progress.stages],
    history: [...progress.history],
    interrupted,
  });
  for (let stage = plan.stages[progress.stage]; stage !== undefined; stage = plan.stages[progress.stage]) {
    const place = { stage: stage.name, stageIndex: progress.stage };
    if (!(yield* keepingState(run, place, runStage(run, stage, place)))) {
      yield { type: 'checkpoint', ...place, checkpoint: await run.snapshot() };
      yield { type: 'interrupted', result: result(true) };
      return result(true);
    }
    if (options.checkpointEvery !== undefined) yield { type: 'checkpoint', ...place, checkpoint: await run.snapshot() };
  }
  yield { type: 'end', result: result(false) };
  return result(false);
}

/**
 * A device that is gone takes nothing with it: the state of the last step is given out as a checkpoint before the error
 * ends the run.
 */
async function* keepingState(run: Run, place: Place, stage: Events<boolean>): Events<boolean> {
  try {
    return yield* stage;
  } catch (error) {
    if (error instanceof RuntimeError && error.code === 'DEVICE_LOST')
      yield { type: 'checkpoint', ...place, checkpoint: await run.snapshot() };
    throw error;
  }
}

async function prepare(model: TrainableModel, data: TrainData, plan: Plan, options: TrainOptions): Promise<Run> {
  const { resume, identity = {}, checkpointEvery } = options;
  if (checkpointEvery !== undefined && !(Number.isInteger(checkpointEvery) && checkpointEvery >= 1)) {
    throw new ConfigError('checkpointEvery is out of range', {
      code: 'CHECKPOINT_EVERY',
      found: String(checkpointEvery),
      expected: 'a number of steps',
    });
  }
  for (const stage of plan.stages) {
    if (groupsOf(model, stage).length === 0) {
      throw new ConfigError(`The model has nothing to train in stage ${stage.name}`, {
        code: 'STAGE_GROUPS',
        found: 'no parameters',
        expected: `some of ${stage.groups.join(', ')}`,
      });
    }
    if (stage.patience !== undefined && data.dev === undefined) {
      throw new ConfigError(`Stage ${stage.name} cannot stop early`, {
        code: 'PATIENCE_WITHOUT_DEV',
        found: 'patience but no dev split',
        hint: 'Give a dev split or leave patience out.',
      });
    }
  }
  const labels = labelsOf(data.train, model.loss, model.numLabels);
  if (data.dev !== undefined) labelsOf(data.dev, model.loss, model.numLabels);
  if (model.loss === 'cross-entropy' || model.loss === 'token-cross-entropy') {
    const judged = labels.filter((label) => label !== IGNORED);
    if (judged.every((label) => label === judged[0])) {
      throw new DataError('The training data has one class only', {
        code: 'TRAIN_ONE_CLASS',
        found: `class ${judged[0]} in all ${judged.length} ${model.loss === 'cross-entropy' ? 'rows' : 'tokens'}`,
        expected: 'at least two classes',
      });
    }
  }

  const fingerprint = await dataFingerprint([data.train, data.dev]);
  const { parameters } = model;
  const progress: Progress = {
    stage: 0,
    epoch: 0,
    step: 0,
    epochLoss: { sum: 0, rows: 0 },
    best: undefined,
    epochsSinceBest: 0,
    history: [],
    stages: [],
  };
  if (resume !== undefined) {
    checkCheckpoint(resume, { plan, dataFingerprint: fingerprint, identity, parameters });
    const { position, epochLoss, best, epochsSinceBest, history, stages } = resume;
    const stage = plan.stages[position.stage];
    if (stage !== undefined && position.step > stepsOf(stage, data.train)) {
      throw new MismatchError('The checkpoint lies behind the end of the epoch', {
        code: 'CHECKPOINT_DATA',
        found: `step ${position.step}`,
        expected: `at most ${stepsOf(stage, data.train)}`,
      });
    }
    Object.assign(progress, {
      ...position,
      epochLoss: { ...epochLoss },
      best,
      epochsSinceBest,
      history: [...history],
      stages: [...stages],
    } satisfies Progress);
    await model.write(resume.values);
    await model.writeOptimizer(resume.optimizer);
  }

  return {
    model,
    data,
    plan,
    options,
    progress,
    async snapshot() {
      const { stage, epoch, step, best } = progress;
      // Between stages the optimizer is that of the last stage, which nobody needs.
      const optimizer = epoch === 0 && step === 0 ? undefined : await model.readOptimizer();
      return {
        plan,
        dataFingerprint: fingerprint,
        identity,
        parameters: parameters.map(({ name, group, shape }) => ({ name, group, shape })),
        position: { stage, epoch, step },
        epochLoss: { ...progress.epochLoss },
        epochsSinceBest: progress.epochsSinceBest,
        history: [...progress.history],
        stages: [...progress.stages],
        values: await model.read(),
        ...(optimizer === undefined ? {} : { optimizer }),
        ...(best === undefined ? {} : { best }),
      };
    },
  };
}

const groupsOf = ({ parameters }: TrainableModel, { groups }: Stage): Group[] =>
  groups.filter((group) => parameters.some((parameter) => parameter.group === group));

const stepsOf = ({ batchSize, accumulate }: Stage, { size }: Split): number =>
  Math.ceil(Math.ceil(size / batchSize) / accumulate);

type Place = { readonly stage: string; readonly stageIndex: number };
type Events<T> = AsyncGenerator<TrainEvent, T>;

/** @returns false when interrupted, with `run.progress` at the last step done. */
async function* runStage(run: Run, stage: Stage, place: Place): Events<boolean> {
  const { model, data, progress, options } = run;
  const groups = groupsOf(model, stage);
  const trainable = layout(model.parameters).sizeOfGroups(groups);
  const stepsPerEpoch = stepsOf(stage, data.train);
  const done = progress.epoch * stepsPerEpoch + progress.step;
  if (done === 0) await model.writeOptimizer(undefined);
  yield {
    type: 'stage-start',
    ...place,
    groups,
    trainable,
    epochs: stage.epochs,
    totalSteps: stage.epochs * stepsPerEpoch,
    totalExamples: stage.epochs * data.train.size,
    ...(done === 0 ? {} : { resumedAt: done }),
  };
  if (!(yield* precompute(run, groups, place))) return false;

  while (
    progress.epoch < stage.epochs &&
    !(stage.patience !== undefined && progress.epochsSinceBest >= stage.patience)
  ) {
    if (!(yield* trainEpoch(run, stage, groups, stepsPerEpoch, place))) return false;
    if (!(yield* endEpoch(run, stage, groups, place))) return false;
  }

  let bestEpoch = progress.epoch;
  if (options.selectBest !== false && progress.best?.values !== undefined) {
    await model.write(progress.best.values, groups);
    bestEpoch = progress.best.epoch;
  }
  const standing = present(
    progress.history.find((record) => record.stage === stage.name && record.epoch === bestEpoch),
  );
  const { loss, score, scores } = standing;
  const result: StageResult = {
    name: stage.name,
    groups,
    trainable,
    epochs: progress.epoch,
    steps: progress.epoch * stepsPerEpoch,
    bestEpoch,
    loss,
    ...(score === undefined ? {} : { score }),
    ...(scores === undefined ? {} : { scores }),
  };
  progress.stages.push(result);
  Object.assign(progress, {
    stage: progress.stage + 1,
    epoch: 0,
    step: 0,
    best: undefined,
    epochsSinceBest: 0,
  } satisfies Partial<Progress>);
  yield { type: 'stage-end', ...place, result };
  return true;
}

/** Let the model compute ahead what this stage leaves unchanged; the budget is shared by tokens. */
async function* precompute({ model, data, options }: Run, groups: readonly Group[], place: Place): Events<boolean> {
  const { maxCacheBytes = 512 * 2 ** 20, signal } = options;
  if (model.precompute === undefined || maxCacheBytes === 0) return signal?.aborted !== true;
  const splits = data.dev === undefined ? [data.train] : [data.train, data.dev];
  const tokens = splits.map(({ lengths }) => lengths.reduce((sum, length) => sum + length, 0));
  const all = tokens.reduce((sum, count) => sum + count, 0);
  for (const [i, split] of splits.entries()) {
    if (signal?.aborted === true) return false;
    const maxBytes = Math.floor((maxCacheBytes * elementAt(tokens, i)) / Math.max(1, all));
    const work = withProgress(
      async (onProgress, stop) => model.precompute?.(split, groups, { maxBytes, onProgress, signal: stop }),
      signal,
    );
    yield* mapEvents(work, ({ done, total }) => ({ type: 'precompute', ...place, split: split.id, done, total }));
  }
  return signal?.aborted !== true;
}

async function* trainEpoch(
  run: Run,
  stage: Stage,
  groups: readonly Group[],
  stepsPerEpoch: number,
  place: Place,
): Events<boolean> {
  const { model, data, plan, progress, options } = run;
  const { batchSize, accumulate, weightDecay, betas, epsilon, maxGradientNorm } = stage;
  const settings = {
    groups,
    weightDecay,
    betas,
    epsilon,
    ...(maxGradientNorm === undefined ? {} : { maxGradientNorm }),
  };
  const totalSteps = stage.epochs * stepsPerEpoch;
  const { epoch } = progress;
  const batches = epochBatches(data.train.lengths, batchSize, plan.seed, [place.stageIndex, epoch]);
  while (progress.step < stepsPerEpoch) {
    if (options.signal?.aborted === true) return false;
    const rows = batches.slice(progress.step * accumulate, (progress.step + 1) * accumulate);
    const learningRate = learningRateAt(stage, epoch * stepsPerEpoch + progress.step, totalSteps);
    const { loss } = await model.step(
      rows.map((each) => data.train.batch(each)),
      { ...settings, learningRate },
    );
    if (!Number.isFinite(loss))
      throw diverged(stage, `loss ${loss} in step ${epoch * stepsPerEpoch + progress.step + 1} of ${totalSteps}`);
    const count = rows.reduce((sum, { length }) => sum + length, 0);
    progress.step++;
    progress.epochLoss.sum += loss * count;
    progress.epochLoss.rows += count;
    const step = epoch * stepsPerEpoch + progress.step;
    const examples = epoch * data.train.size + progress.epochLoss.rows;
    yield {
      type: 'step',
      ...place,
      epoch: epoch + 1,
      step,
      totalSteps,
      loss,
      learningRate,
      examples,
      totalExamples: stage.epochs * data.train.size,
    };
    if (options.checkpointEvery !== undefined && step % options.checkpointEvery === 0)
      yield { type: 'checkpoint', ...place, checkpoint: await run.snapshot() };
  }
  return true;
}

/** Score the epoch, remember it if it is the best, and move on to the next. */
async function* endEpoch(
  { model, data: { dev }, progress, options }: Run,
  stage: Stage,
  groups: readonly Group[],
  place: Place,
): Events<boolean> {
  const { metric, evaluateBatchSize: batchSize = 64, signal, selectBest = true } = options;
  const epoch = progress.epoch + 1;
  const values = await model.read(groups);
  if (!values.every(Number.isFinite)) throw diverged(stage, `a parameter that is not finite after epoch ${epoch}`);

  let evaluation: Evaluation | undefined;
  if (dev !== undefined) {
    try {
      const work = withProgress(
        (onProgress, stop) => evaluate(model, dev, metric, { batchSize, onProgress, signal: stop }),
        signal,
      );
      evaluation = yield* mapEvents(work, ({ done, total }) => ({ type: 'evaluating', ...place, epoch, done, total }));
    } catch (error) {
      // All steps of the epoch are done; a resumed run evaluates again.
      if (error instanceof RuntimeError && error.code === 'ABORTED') return false;
      throw error;
    }
    const { loss, score, scores } = evaluation;
    const best = progress.best === undefined || score > progress.best.score;
    if (best) progress.best = { epoch, score, ...(selectBest ? { values } : {}) };
    progress.epochsSinceBest = best ? 0 : progress.epochsSinceBest + 1;
    yield { type: 'evaluation', ...place, epoch, loss, score, scores, best };
  }
  const { sum, rows } = progress.epochLoss;
  const record: EpochRecord = {
    stage: stage.name,
    epoch,
    loss: sum / rows,
    ...(evaluation === undefined
      ? {}
      : { score: evaluation.score, scores: evaluation.scores, devLoss: evaluation.loss }),
  };
  progress.history.push(record);
  Object.assign(progress, { epoch, step: 0, epochLoss: { sum: 0, rows: 0 } } satisfies Partial<Progress>);
  yield { type: 'epoch-end', ...place, record };
  return true;
}

async function* mapEvents<A, T>(source: AsyncGenerator<A, T>, event: (value: A) => TrainEvent): Events<T> {
  try {
    for (let next = await source.next(); ; next = await source.next()) {
      if (next.done === true) return next.value;
      yield event(next.value);
    }
  } finally {
    // Reached early when the reader of the events leaves; the type of the return value is then of no interest.
    await source.return(undefined as T);
  }
}

function diverged({ name, learningRate, maxGradientNorm }: Stage, found: string): RuntimeError {
  return new RuntimeError(`Training diverged in stage ${name}`, {
    code: 'TRAINING_DIVERGED',
    found,
    expected: 'finite numbers',
    hint:
      `Lower the learning rate (now ${learningRate}) ` +
      (maxGradientNorm === undefined
        ? 'or clip gradients with maxGradientNorm, for instance 1.'
        : `or maxGradientNorm (now ${maxGradientNorm}).`),
  });
}
