import * as tf from '@tensorflow/tfjs';
import { afterAll, describe, expect, it } from 'vitest';
import { hadamardLayers, type FitStageName } from '../src/keras.js';
import { textClassifier } from './support/keras-model.js';
import { disposingModels, predictions, rejected, toyTask, weightsOf } from './support/keras.js';

const { injectAdapters, hadamardAdapter, twoStageFit } = hadamardLayers(tf);
const data = toyTask(96);
const LOSS = { loss: 'categoricalCrossentropy', metrics: ['accuracy'] };
/** Short, and the same in every run. */
const ONE = { classifier: { epochs: 1, shuffle: false }, adapter: { epochs: 1, shuffle: false } };

afterAll(() => tf.dispose([data.x, data.y]));

const kept = disposingModels();

/** The classifier of the toy task with adapters; the model without them is gone, its layers are not. */
function adapted(): tf.LayersModel {
  const model = textClassifier();
  const made = kept(injectAdapters(model, { match: 'attention' }));
  model.dispose();
  return made;
}
/** Names of the layers that differ from before. */
const changed = (model: tf.LayersModel, before: Map<string, number[]>): string[] =>
  model.layers
    .filter((layer) =>
      [...weightsOf([layer])].some(([name, values]) =>
        values.some((value, i) => !Object.is(value, before.get(name)?.[i])),
      ),
    )
    .map(({ name }) => name);
const last = (values: readonly unknown[] | undefined): number => values?.at(-1) as number;

describe('twoStageFit', () => {
  it('learns: accuracy rises in stage one, and stage two makes the loss lower still', async () => {
    const model = adapted();
    const { classifier, adapter } = await twoStageFit(model, data, {
      ...LOSS,
      classifier: { epochs: 10, learningRate: 0.05, shuffle: false },
      adapter: { epochs: 10, learningRate: 0.02, shuffle: false },
    });
    expect(classifier.epoch).toHaveLength(10);
    expect(adapter.epoch).toHaveLength(10);
    // The words of a sentence decide alone, so a linear classifier on the mean learns it; guessing gives a half.
    expect(last(classifier.history['acc'])).toBeGreaterThan(Math.max(0.75, classifier.history['acc']?.[0] as number));
    expect(last(adapter.history['loss'])).toBeLessThan(last(classifier.history['loss']) * 0.9);
  });

  it('changes in each stage what it trains, and no bit of anything else', async () => {
    const model = adapted();
    const seen: Record<string, string[]> = {};
    let before = weightsOf(model.layers);
    const callbacks = (stage: FitStageName) => ({
      onTrainEnd: () => {
        seen[stage] = changed(model, before);
        before = weightsOf(model.layers);
      },
    });
    await twoStageFit(model, data, { ...LOSS, ...ONE, callbacks });
    expect(seen).toEqual({ classifier: ['classifier'], adapter: ['attention_hadamard', 'norm'] });
  });

  it.each([
    ['the norm that is named', { normLayers: 'norm_2' }, ['attention_hadamard', 'norm_2']],
    ['no norm', { normLayers: [] }, ['attention_hadamard']],
    ['no norm that belongs to the classifier', { classifierLayers: ['norm', 'classifier'] }, ['attention_hadamard']],
  ])('trains %s', async (_, choice, expected) => {
    const model = adapted();
    let afterOne = new Map<string, number[]>();
    await twoStageFit(model, data, {
      ...LOSS,
      ...ONE,
      ...choice,
      callbacks: (stage) => ({
        onTrainBegin: () => void (stage === 'adapter' && (afterOne = weightsOf(model.layers))),
      }),
    });
    expect(changed(model, afterOne)).toEqual(expected);
  });

  it('hands callbacks to both stages, or asks for those of each', async () => {
    const model = adapted();
    const epochs: number[] = [];
    await twoStageFit(model, data, {
      ...LOSS,
      classifier: { epochs: 2 },
      adapter: { epochs: 3 },
      callbacks: { onEpochEnd: (epoch) => void epochs.push(epoch) },
    });
    expect(epochs).toEqual([0, 1, 0, 1, 2]);
    const stages: string[] = [];
    await twoStageFit(model, data, {
      ...LOSS,
      ...ONE,
      callbacks: (stage) => [{ onBatchEnd: () => void stages.push(stage) }],
    });
    // 96 rows in batches of 32.
    expect(stages).toEqual(['classifier', 'classifier', 'classifier', 'adapter', 'adapter', 'adapter']);
  });

  it('takes what fit takes, the optimizer included', async () => {
    const model = adapted();
    const made: tf.Optimizer[] = [];
    const optimizer = (): tf.Optimizer => made[made.push(tf.train.rmsprop(0.01)) - 1] as tf.Optimizer;
    const { adapter } = await twoStageFit(model, data, {
      ...LOSS,
      classifier: { epochs: 1, optimizer },
      adapter: { epochs: 1, optimizer, batchSize: 8, validationSplit: 0.25 },
    });
    expect(made).toHaveLength(2);
    expect(adapter.history).toHaveProperty('val_loss');
  });

  it('takes a tf.data.Dataset, and trains a sequential model written with an adapter', async () => {
    const model = kept(
      tf.sequential({
        layers: [
          tf.layers.dense({ name: 'body', units: 4, inputShape: [7] }),
          hadamardAdapter({ name: 'adapter' }),
          tf.layers.dense({ name: 'head', units: 2, activation: 'softmax' }),
        ],
      }),
    );
    const before = weightsOf(model.layers);
    const rows = tf.data
      .zip({ xs: tf.data.array(data.x.arraySync()), ys: tf.data.array(data.y.arraySync()) })
      .batch(16);
    const histories = await twoStageFit(model, rows, {
      ...LOSS,
      classifier: { epochs: 2, batchesPerEpoch: 2 },
      adapter: { epochs: 1 },
    });
    expect(histories.classifier.epoch).toEqual([0, 1]);
    expect(changed(model, before)).toEqual(['adapter', 'head']);
  });

  it('leaves the model ready for evaluate, and as trainable as before', async () => {
    const model = adapted();
    model.getLayer('embedding').trainable = false;
    (model.getLayer('norm').weights[1] as tf.LayerVariable & { trainable: boolean }).trainable = false;
    const flags = (): unknown[] =>
      model.layers.map((layer) => [
        layer.name,
        layer.trainable,
        layer.weights.map((weight) => [weight.name, weight.trainable]),
      ]);
    const before = flags();
    model.compile({ optimizer: 'adam', loss: 'meanSquaredError' });
    await twoStageFit(model, data, { ...LOSS, ...ONE });
    expect(flags()).toEqual(before);
    const scores = model.evaluate(data.x, data.y) as tf.Scalar[];
    const labels = data.y.arraySync();
    const likelihoods = predictions(model, data.x).filter((_, i) => labels[Math.floor(i / 2)]?.[i % 2] === 1);
    // Of the loss that was asked for: means of 96 float32 numbers near 1, added in another order.
    expect(scores[0]?.dataSync()[0]).toBeCloseTo(
      likelihoods.reduce((sum, p) => sum - Math.log(p) / likelihoods.length, 0),
      5,
    );
    tf.dispose(scores);
  });

  it.each(['classifier', 'adapter'])(
    'restores what is trainable when a callback throws in stage %s',
    async (failing) => {
      const model = adapted();
      model.getLayer('classifier').trainable = false;
      const failure = new Error('enough');
      const callbacks = (stage: FitStageName) => ({
        onTrainBegin: () => {
          if (stage === failing) throw failure;
        },
      });
      await expect(twoStageFit(model, data, { ...LOSS, ...ONE, callbacks })).rejects.toBe(failure);
      expect(model.layers.filter(({ trainable }) => !trainable).map(({ name }) => name)).toEqual([
        'tokens',
        'classifier',
      ]);
    },
  );

  it('freezes nested models, and the moving statistics of a frozen BatchNormalization', async () => {
    const inner = tf.sequential({
      name: 'inner',
      layers: [
        tf.layers.dense({ name: 'mix', units: 4, inputShape: [7] }),
        tf.layers.batchNormalization({ name: 'batch_norm' }),
      ],
    });
    const input = tf.input({ shape: [7] });
    const head = tf.layers.dense({ name: 'head', units: 2, activation: 'softmax' });
    const made = kept(
      injectAdapters(kept(tf.model({ inputs: input, outputs: head.apply(inner.apply(input)) as tf.SymbolicTensor })), {
        match: 'mix',
      }),
    );
    const norm = (made.getLayer('inner') as tf.LayersModel).getLayer('batch_norm');
    const moving = (): unknown => [...weightsOf([norm])].filter(([name]) => name.includes('moving'));
    const before = weightsOf([norm]);
    const still = moving();
    expect(still).toHaveLength(2);
    // A frozen model around the adapter does not freeze the adapter.
    made.getLayer('inner').trainable = false;
    await twoStageFit(made, data, { ...LOSS, ...ONE });
    expect(made.getLayer('inner').trainable).toBe(false);
    expect(weightsOf([norm])).toEqual(before);
    expect(
      weightsOf([(made.getLayer('inner') as tf.LayersModel).getLayer('mix_hadamard')])
        .values()
        .next().value,
    ).not.toEqual([1, 1, 1, 1]);
    // Outside of it the statistics move again. `compile` would forget the optimizer that the model owns.
    made.optimizer.dispose();
    made.compile({ optimizer: 'sgd', loss: 'meanSquaredError' });
    await made.fit(data.x, data.y, { epochs: 1 });
    expect(moving()).not.toEqual(still);
  });
});

describe('twoStageFit refuses', () => {
  const refusal = async (model: tf.LayersModel, options: object = {}, given: object = data): Promise<unknown> =>
    rejected(twoStageFit(model, given as typeof data, { ...LOSS, ...ONE, ...options }));

  it('a model without adapters', async () => {
    expect(await refusal(kept(textClassifier()))).toMatchObject({ name: 'ConfigError', code: 'ADAPTERS_MISSING' });
  });

  it('an encoder, which has no classifier', async () => {
    const encoder = kept(
      tf.sequential({ layers: [hadamardAdapter({ inputShape: [7] }), tf.layers.layerNormalization({ name: 'norm' })] }),
    );
    expect(await refusal(encoder)).toMatchObject({
      code: 'CLASSIFIER_MISSING',
      found: expect.stringContaining('"norm"'),
    });
    expect(await refusal(kept(tf.sequential({ layers: [hadamardAdapter({ inputShape: [7] })] })))).toMatchObject({
      code: 'CLASSIFIER_MISSING',
    });
  });

  it.each([
    ['classifier layers that are not there', { classifierLayers: 'head' }, 'LAYER_UNKNOWN'],
    ['norms that are not there', { normLayers: /rms/ }, 'LAYER_UNKNOWN'],
    ['a classifier without weights', { classifierLayers: 'pool' }, 'STAGE_EMPTY'],
    ['no classifier at all', { classifierLayers: [] }, 'STAGE_EMPTY'],
    ['a stage of no epochs', { adapter: { epochs: 0 } }, 'STAGE_EMPTY'],
    ['an adapter as the classifier', { classifierLayers: /hadamard/ }, 'STAGE_OVERLAP'],
    ['a norm in both stages', { classifierLayers: ['norm', 'classifier'], normLayers: 'norm' }, 'STAGE_OVERLAP'],
  ])('%s', async (_, options, code) => {
    const model = adapted();
    const before = weightsOf(model.layers);
    expect(await refusal(model, options)).toMatchObject({ code });
    expect(changed(model, before)).toEqual([]);
  });

  it('data that is none', async () => {
    expect(await refusal(adapted(), {}, { xs: 1 })).toMatchObject({ code: 'FIT_DATA' });
  });

  it('a model that was disposed of, also when the layers of its base live on', async () => {
    const model = kept(textClassifier());
    const made = injectAdapters(model, { match: 'attention' });
    made.dispose();
    expect(await refusal(made)).toMatchObject({ name: 'RuntimeError', code: 'MODEL_DISPOSED' });
  });
});
