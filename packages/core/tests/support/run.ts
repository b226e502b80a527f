import {
  METRICS,
  train,
  twoStage,
  type Checkpoint,
  type Plan,
  type TrainData,
  type TrainEvent,
  type TrainOptions,
  type TrainResult,
} from '../../src/index.js';
import { toyModel, toySplit, type ToyModel } from './toy.js';

export const data: TrainData = { train: toySplit('train', 90, 1), dev: toySplit('dev', 40, 2) };

export const plan: Plan = twoStage({
  classifier: { epochs: 2, batchSize: 16, learningRate: 0.05 },
  adapter: { epochs: 3, batchSize: 8, accumulate: 3, learningRate: 0.03, weightDecay: 0.01, maxGradientNorm: 1 },
  seed: 5,
});

export interface Recording {
  readonly model: ToyModel;
  readonly events: TrainEvent[];
  readonly checkpoints: Checkpoint[];
  readonly result: TrainResult;
  readonly values: Float32Array;
}

/** Run to the end and keep everything. `onEvent` may abort. */
export async function record(
  settings: {
    model?: ToyModel;
    data?: TrainData;
    plan?: Plan;
    options?: Partial<TrainOptions>;
    onEvent?: (event: TrainEvent) => void;
  } = {},
): Promise<Recording> {
  const model = settings.model ?? toyModel();
  const run = train(model, settings.data ?? data, settings.plan ?? plan, {
    metric: METRICS.accuracy,
    ...settings.options,
  });
  const events: TrainEvent[] = [];
  for (let next = await run.next(); ; next = await run.next()) {
    if (next.done === true) {
      const checkpoints = events.flatMap((event) => (event.type === 'checkpoint' ? [event.checkpoint] : []));
      return { model, events, checkpoints, result: next.value, values: await model.read() };
    }
    events.push(next.value);
    settings.onEvent?.(next.value);
  }
}
