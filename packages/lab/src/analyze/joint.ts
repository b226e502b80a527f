import {
  RuntimeError,
  adamw,
  clipGradient,
  initialOptimizer,
  layout,
  train,
  twoStage,
  type Batch,
  type Group,
  type OptimizerState,
  type Split,
  type StageOptions,
  type TrainableModel,
} from '@hadamard-adapter/core';
import { elementAt } from '@hadamard-adapter/core/internal';
import type { Scorer } from './scorer.js';

/** A task to train together with others: its base model with its own classifier, and its rows. */
export interface JointTask {
  readonly scorer: Scorer;
  readonly train: Split;
}

const TRAINED: readonly Group[] = ['adapter', 'norm'];

/**
 * Train one adapter, with its norms, for several tasks at once: batches mix rows of all tasks, each row goes through
 * the classifier of its task, which stays as it is, and every row counts the same. It begins where stage two of each
 * task began.
 *
 * @returns adapter and norms, flat.
 * @throws RuntimeError ABORTED, TRAINING_DIVERGED.
 */
export async function trainJointly(
  tasks: readonly JointTask[],
  stage: StageOptions,
  seed: number,
  onStep: (done: number, total: number) => void = () => {},
): Promise<Float32Array> {
  const model = jointModel(tasks);
  const { stages } = twoStage({ adapter: stage, seed });
  const plan = { stages: stages.filter(({ name }) => name === 'adapter'), seed };
  // Without a development set of all tasks together the last epoch stands. The metric is only asked for with one.
  for await (const event of train(model, { train: jointSplit(tasks.map((task) => task.train)) }, plan, {
    metric: elementAt(tasks, 0).scorer.metric,
  })) {
    if (event.type === 'step') onStep(event.step, event.totalSteps);
  }
  return model.read();
}

/** The rows of all splits, one split after the other. Its batches only name rows: tokens are padded task by task. */
function jointSplit(splits: readonly Split[]): Split {
  const lengths = Int32Array.from(splits.flatMap((split) => Array.from(split.lengths)));
  const labels = Float32Array.from(splits.flatMap((split) => Array.from(split.labels ?? [])));
  const id = 'joint';
  return {
    id,
    size: lengths.length,
    lengths,
    labels,
    batch: (rows) => ({
      batch: rows.length,
      sequence: 0,
      inputIds: new Int32Array(0),
      attentionMask: new Int32Array(0),
      source: { split: id, rows },
    }),
  };
}

/**
 * Adapter and norms of all tasks as one model that core's loop can train; what it answers depends on the task, so that
 * it cannot be asked.
 */
function jointModel(tasks: readonly JointTask[]): TrainableModel {
  const first = elementAt(tasks, 0).scorer;
  const parameters = first.parameters.filter(({ group }) => TRAINED.includes(group));
  const places = layout(parameters);
  const values = layout(first.parameters).gather(first.base, TRAINED);
  let optimizer: OptimizerState | undefined;
  const starts = tasks.map((_, i) => tasks.slice(0, i).reduce((sum, task) => sum + task.train.size, 0));

  const gradients = async (
    { source, batch }: Batch,
    groups: readonly Group[],
  ): Promise<{ loss: number; gradients: Float32Array }> => {
    const rows = source?.rows ?? new Int32Array(0);
    const mean = new Float32Array(places.sizeOfGroups(groups));
    let loss = 0;
    for (const [i, { scorer, train: split }] of tasks.entries()) {
      const start = elementAt(starts, i);
      const own = rows.filter((row) => row >= start && row < start + split.size).map((row) => row - start);
      if (own.length === 0) continue;
      const all = scorer.own.slice();
      layout(scorer.parameters).scatter(all, values, TRAINED);
      await scorer.session.write(all);
      const part = await scorer.session.gradients(split.batch(own), groups);
      const weight = own.length / batch;
      loss += weight * part.loss;
      part.gradients.forEach((value, at) => (mean[at] = elementAt(mean, at) + weight * value));
    }
    return { loss, gradients: mean };
  };
  const never = async (): Promise<never> => {
    throw new RuntimeError('A model of several tasks has no single answer', { code: 'JOINT_ANSWER' });
  };

  return {
    runtime: first.session.runtime,
    device: first.session.device,
    parameters,
    numLabels: 1,
    // Labels of any task are numbers to this one; which loss they have is for its session to say.
    loss: 'mse',
    read: async (groups) => places.gather(values, groups),
    async write(next, groups) {
      places.scatter(values, next, groups);
    },
    gradients,
    async step(batches, { groups, maxGradientNorm, ...settings }) {
      const rows = batches.reduce((sum, { batch }) => sum + batch, 0);
      const mean = new Float32Array(places.sizeOfGroups(groups));
      let loss = 0;
      for (const batch of batches) {
        const part = await gradients(batch, groups);
        const weight = batch.batch / rows;
        loss += weight * part.loss;
        part.gradients.forEach((value, at) => (mean[at] = elementAt(mean, at) + weight * value));
      }
      if (maxGradientNorm !== undefined) clipGradient(mean, maxGradientNorm);
      const trained = places.gather(values, groups);
      optimizer = adamw(trained, mean, optimizer ?? initialOptimizer(groups, trained.length), settings);
      places.scatter(values, trained, groups);
      return { loss };
    },
    predict: never,
    encode: never,
    readOptimizer: async () => optimizer,
    async writeOptimizer(state) {
      optimizer = state;
    },
    dispose: async () => {},
  };
}
