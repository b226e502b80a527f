import { createRequire } from 'node:module';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { hadamardLayers } from '../src/keras.js';
import { CHANNELS, SEQUENCE, sequentialClassifier, textClassifier } from './support/keras-model.js';
import { disposingModels, predictions, refused, toyTask } from './support/keras.js';

const { injectAdapters, hadamardAdapter } = hadamardLayers(tf);
const names = (model: tf.LayersModel): string[] => model.layers.map(({ name }) => name);
const { x } = toyTask(6);

const kept = disposingModels();

/** Write w = 2, b = 1 into an adapter: whoever is behind it must notice. */
function disturb(model: tf.LayersModel, adapter: string): void {
  tf.tidy(() => model.getLayer(adapter).setWeights([tf.mul(tf.ones([CHANNELS]), 2), tf.ones([CHANNELS])]));
}

describe('injectAdapters into a functional model', () => {
  it('changes no prediction and adds nothing but adapters', () => {
    const model = kept(textClassifier());
    const before = predictions(model, x);
    const adapted = kept(injectAdapters(model, { match: 'attention' }));
    expect(predictions(adapted, x)).toEqual(before);
    expect(names(adapted)).toEqual(
      names(model).toSpliced(names(model).indexOf('attention') + 1, 0, 'attention_hadamard'),
    );
    expect(adapted.name).toBe('text');
    expect(adapted.countParams() - model.countParams()).toBe(2 * CHANNELS);
    expect(adapted.getLayer('norm')).toBe(model.getLayer('norm'));
  });

  it('puts the adapter where it acts, and leaves the first model as it was', () => {
    const model = kept(textClassifier());
    const before = predictions(model, x);
    const adapted = kept(injectAdapters(model, { match: 'attention' }));
    disturb(adapted, 'attention_hadamard');
    expect(predictions(model, x)).toEqual(before);
    // The same by hand: attention, adapter, and the rest of the model on that.
    const expected = tf.tidy(() => {
      const embedded = model.getLayer('embedding').apply(x) as tf.Tensor;
      const attended = tf.add(tf.mul(model.getLayer('attention').apply(embedded) as tf.Tensor, 2), 1);
      const normed = model
        .getLayer('norm')
        .apply(tf.add(embedded, model.getLayer('projection').apply(attended) as tf.Tensor)) as tf.Tensor;
      const pooled = tf.mean(
        model
          .getLayer('norm_2')
          .apply(tf.add(normed, model.getLayer('feed_forward').apply(normed) as tf.Tensor)) as tf.Tensor,
        1,
      );
      return [...(model.getLayer('classifier').apply(pooled) as tf.Tensor).dataSync()];
    });
    expect(expected).not.toEqual(before);
    // The same operators on the same numbers; the model's residual layer may add in the other order.
    predictions(adapted, x).forEach((value, i) => expect(value).toBeCloseTo(expected[i] as number, 6));
  });

  it.each([
    ['a pattern, also one that remembers where it ended', /att|project/g],
    ['a list', ['attention', /^project/]],
    ['a function', ({ name }: tf.layers.Layer) => name === 'attention' || name === 'projection'],
  ])('finds layers by %s', (_, match) => {
    const adapted = kept(injectAdapters(kept(textClassifier()), { match }));
    expect(names(adapted).filter((name) => name.endsWith('_hadamard'))).toEqual([
      'attention_hadamard',
      'projection_hadamard',
    ]);
  });

  it('makes several models of one, whose adapters are their own', () => {
    const model = kept(textClassifier());
    const [one, other] = [
      kept(injectAdapters(model, { match: 'attention' })),
      kept(injectAdapters(model, { match: 'attention' })),
    ];
    const before = predictions(other, x);
    disturb(one, 'attention_hadamard');
    expect(predictions(one, x)).not.toEqual(before);
    expect(predictions(other, x)).toEqual(before);
  });

  it('still predicts when the first model is disposed of', () => {
    const model = textClassifier();
    const before = predictions(model, x);
    const adapted = kept(injectAdapters(model, { match: 'attention' }));
    model.dispose();
    expect(predictions(adapted, x)).toEqual(before);
  });

  it('has one adapter for all calls of a layer, and keeps several inputs and outputs', () => {
    const shared = tf.layers.dense({ name: 'shared', units: 4 });
    const [a, b] = [tf.input({ shape: [4], name: 'a' }), tf.input({ shape: [4], name: 'b' })];
    const outputs = [
      shared.apply(a),
      tf.layers.concatenate({ name: 'joined' }).apply([shared.apply(b) as tf.SymbolicTensor, a]),
    ] as tf.SymbolicTensor[];
    const model = tf.model({ inputs: [a, b], outputs });
    const adapted = injectAdapters(model, { match: 'shared' });
    tf.tidy(() => {
      const inputs = [tf.randomNormal([3, 4], 0, 1, 'float32', 1), tf.randomNormal([3, 4], 0, 1, 'float32', 2)];
      const run = (model: tf.LayersModel): number[][] =>
        (model.predict(inputs) as tf.Tensor[]).map((tensor) => [...tensor.dataSync()]);
      const before = run(model);
      expect(run(adapted)).toEqual(before);
      adapted.getLayer('shared_hadamard').setWeights([tf.zeros([4]), tf.tensor1d([7, 7, 7, 7])]);
      const [first, second] = run(adapted) as [number[], number[]];
      expect(first).toEqual(Array.from({ length: 12 }, () => 7));
      expect(second.filter((_, i) => i % 8 < 4)).toEqual(first);
      expect(second.filter((_, i) => i % 8 >= 4)).toEqual(before[1]?.filter((_, i) => i % 8 >= 4));
    });
    expect(names(adapted).filter((name) => name.endsWith('_hadamard'))).toEqual(['shared_hadamard']);
    // A layer that a model calls twice counts two uses, and the model gives one back: TensorFlow.js never frees its
    // weights by itself.
    for (const layer of [shared, adapted.getLayer('shared_hadamard')])
      layer.weights.forEach((weight) => weight.dispose());
  });

  it('keeps a nested model that is called twice one model', () => {
    const inner = tf.sequential({
      name: 'inner',
      layers: [tf.layers.dense({ name: 'mix', units: 4, inputShape: [4] })],
    });
    const input = tf.input({ shape: [4], name: 'input' });
    const model = tf.model({ inputs: input, outputs: inner.apply(inner.apply(input)) as tf.SymbolicTensor });
    const adapted = injectAdapters(model, { match: 'mix' });
    expect(names(adapted)).toEqual(['input', 'inner']);
    const run = (model: tf.LayersModel): number[] =>
      tf.tidy(() => [...(model.predict(tf.ones([1, 4])) as tf.Tensor).dataSync()]);
    expect(run(adapted)).toEqual(run(model));
    // As above: two uses, of which a model gives back one.
    adapted.weights.forEach((weight) => weight.dispose());
  });

  it('looks into nested models, and keeps recurrent layers with their states', () => {
    const tokens = tf.input({ shape: [3, 4], name: 'series' });
    const state = tf.input({ shape: [5], name: 'state' });
    const inner = tf.sequential({
      name: 'inner',
      layers: [
        tf.layers.dense({ name: 'mix', units: 5, inputShape: [5] }),
        tf.layers.dense({ name: 'next', units: 2 }),
      ],
    });
    const recurrent = tf.layers
      .gru({ name: 'gru', units: 5 })
      .apply(tokens, { initialState: state }) as tf.SymbolicTensor;
    const model = kept(tf.model({ inputs: [tokens, state], outputs: inner.apply(recurrent) as tf.SymbolicTensor }));
    const adapted = kept(injectAdapters(model, { match: ['mix', 'gru'] }));
    const inputs = [tf.randomNormal([2, 3, 4], 0, 1, 'float32', 1), tf.randomNormal([2, 5], 0, 1, 'float32', 2)];
    const run = (model: tf.LayersModel): number[] =>
      tf.tidy(() => [...(model.predict(inputs) as tf.Tensor).dataSync()]);
    expect(run(adapted)).toEqual(run(model));
    expect(names(adapted.getLayer('inner') as tf.LayersModel)).toEqual(['mix_input', 'mix', 'mix_hadamard', 'next']);
    expect(names(adapted)).toEqual(['series', 'state', 'gru', 'gru_hadamard', 'inner']);
    tf.tidy(() =>
      (adapted.getLayer('inner') as tf.LayersModel).getLayer('mix_hadamard').setWeights([tf.zeros([5]), tf.zeros([5])]),
    );
    expect(run(adapted)).not.toEqual(run(model));
    tf.dispose(inputs);
  });
});

describe('injectAdapters into a sequential model', () => {
  it('changes no prediction and adds nothing but adapters', () => {
    const model = kept(sequentialClassifier());
    const before = predictions(model, x);
    const adapted = kept(injectAdapters(model, { match: 'attention' }));
    expect(predictions(adapted, x)).toEqual(before);
    expect(names(adapted)).toEqual([
      'embedding_input',
      'embedding',
      'attention',
      'attention_hadamard',
      'norm',
      'pool',
      'classifier',
    ]);
    disturb(adapted, 'attention_hadamard');
    expect(predictions(adapted, x)).not.toEqual(before);
  });
});

describe('injectAdapters refuses', () => {
  it('a name that no layer has, and says which there are', () => {
    const error = refused(() => injectAdapters(kept(textClassifier()), { match: ['attention', 'atention'] }));
    expect(error).toMatchObject({ name: 'ConfigError', code: 'LAYER_UNKNOWN', expected: 'one that fits "atention"' });
    expect(error.found).toBe(
      'the layers embedding, attention, projection, residual, norm, feed_forward, residual_2, norm_2, pool, classifier',
    );
    expect(refused(() => injectAdapters(kept(textClassifier()), { match: () => false })).code).toBe('LAYER_UNKNOWN');
  });

  it('a model that has adapters', () => {
    const adapted = kept(injectAdapters(kept(textClassifier()), { match: 'attention' }));
    expect(refused(() => injectAdapters(adapted, { match: 'projection' }))).toMatchObject({
      code: 'ADAPTERS_PRESENT',
      found: 'attention_hadamard',
    });
  });

  it('a layer with several outputs', () => {
    const series = tf.input({ shape: [3, 4] });
    const model = kept(
      tf.model({
        inputs: series,
        outputs: tf.layers.lstm({ name: 'lstm', units: 2, returnState: true }).apply(series) as tf.SymbolicTensor[],
      }),
    );
    expect(refused(() => injectAdapters(model, { match: 'lstm' }))).toMatchObject({
      name: 'UnsupportedError',
      code: 'ADAPTER_SITE',
      found: '3 outputs',
    });
  });

  it('an output with an unknown last axis, before any layer is called', () => {
    const unknown = tf.input({ shape: [3, null], name: 'unknown' });
    const act = tf.layers.activation({ name: 'act', activation: 'relu' });
    const model = tf.model({ inputs: unknown, outputs: act.apply(unknown) as tf.SymbolicTensor });
    const error = refused(() => injectAdapters(model, { match: 'act' }));
    expect(error).toMatchObject({ name: 'MismatchError', code: 'ADAPTER_SHAPE', found: 'shape [?, 3, ?]' });
    expect(error.message).toContain('"act"');
    expect(act.inboundNodes).toHaveLength(1);
  });

  it('a model with a layer of the name of an adapter', () => {
    const model = kept(
      tf.sequential({
        layers: [
          tf.layers.dense({ name: 'a', units: 2, inputShape: [2] }),
          tf.layers.dense({ name: 'a_hadamard', units: 2 }),
        ],
      }),
    );
    expect(refused(() => injectAdapters(model, { match: 'a' })).code).toBe('ADAPTER_NAME');
  });

  it('a model that was disposed of', () => {
    const model = textClassifier();
    model.dispose();
    expect(refused(() => injectAdapters(model, { match: 'attention' }))).toMatchObject({
      name: 'RuntimeError',
      code: 'MODEL_DISPOSED',
    });
  });

  it.each([[undefined], ['model.json'], [{}], [new tf.GraphModel('model.json')]])('what is no model (%#)', (given) => {
    expect(refused(() => injectAdapters(given as unknown as tf.LayersModel, { match: 'a' })).code).toBe('MODEL_KIND');
  });

  it('a model of another copy of TensorFlow.js', () => {
    const copy = createRequire(import.meta.url)('@tensorflow/tfjs/dist/tf.es2017.js') as typeof tf;
    expect(copy.LayersModel).not.toBe(tf.LayersModel);
    const model = copy.sequential({ layers: [copy.layers.activation({ activation: 'relu', inputShape: [SEQUENCE] })] });
    expect(refused(() => injectAdapters(model, { match: /./ }))).toMatchObject({
      code: 'TF_COPIES',
      hint: expect.stringContaining('npm ls'),
    });
  });

  it('a model with an adapter made by hand', () => {
    const model = kept(
      tf.sequential({ layers: [hadamardAdapter({ inputShape: [4], name: 'own' }), tf.layers.dense({ units: 2 })] }),
    );
    expect(refused(() => injectAdapters(model, { match: /dense/ })).found).toBe('own');
  });
});
