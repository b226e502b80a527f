import { readFileSync } from 'node:fs';
import { METRICS, train, twoStage, type Checkpoint, type TrainEvent } from '@hadamard-adapter/core';
import type { Graph } from '@hadamard-adapter/graph/internal';
import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { loadAdapter, loadModel, saveAdapter, type OrtModule } from '../src/index.js';
import { failure } from './support/failure.js';
import { tinyBert, tinySplit } from './support/tiny.js';

const FIXTURE = new URL('../../conformance-fixtures/fixtures/bert/model.onnx', import.meta.url);
const batch = tinySplit('train', 4).batch(Int32Array.of(0, 1, 2, 3));

/** ONNX Runtime that remembers what sessions were made of. */
function spied(): { ort: OrtModule; created: { model: Uint8Array; files: readonly Uint8Array[] }[] } {
  const created: { model: Uint8Array; files: readonly Uint8Array[] }[] = [];
  const create: OrtModule['InferenceSession']['create'] = (model, options) => {
    created.push({ model, files: (options?.externalData ?? []).map((file) => (file as { data: Uint8Array }).data) });
    return ort.InferenceSession.create(model, options);
  };
  return { ort: { InferenceSession: { create }, Tensor: ort.Tensor as unknown as OrtModule['Tensor'] }, created };
}

describe('weights', () => {
  it('are handed over as views into the file they were read from, never copied', async () => {
    const bytes = new Uint8Array(readFileSync(FIXTURE));
    const { ort: module, created } = spied();
    const model = await loadModel({ model: bytes }, { numLabels: 2, ort: module });
    await model.gradients({ ...batch, labels: Float32Array.of(0, 1, 0, 1) }, ['classifier']);
    expect(created).toHaveLength(1);
    const [{ model: written, files } = { model: bytes, files: [] }] = created;
    expect(files.some((file) => file.buffer === bytes.buffer)).toBe(true);
    // What is written anew is the graph and some small constants.
    expect(written.byteLength).toBeLessThan(bytes.byteLength / 2);
    await model.dispose();
  });
});

describe('what cannot work is said by a stable code', () => {
  it.each([
    ['a device of browsers', { device: 'wasm' }, 'DEVICE_UNKNOWN'],
    ['a device of another package', { device: 'webgl' }, 'DEVICE_UNKNOWN'],
    ['no threads', { threads: 0 }, 'DEVICE_THREADS'],
    ['no labels', { numLabels: 0 }, 'NUM_LABELS'],
    ['a layer too high', { layers: [3] }, 'ADAPTER_LAYERS'],
  ])('%s', async (_, options, code) => {
    expect(await failure(loadModel({ graph: tinyBert() }, { numLabels: 3, ...options }))).toMatchObject({ code });
  });

  it('a model with inputs that no tokenizer gives', async () => {
    const graph = tinyBert();
    const extra: Graph = {
      ...graph,
      inputs: [...graph.inputs, { name: 'pixel_values', dtype: 'float32', dims: ['batch', 'sequence', 16] }],
      outputs: [{ ...(graph.outputs[0] as Graph['outputs'][number]), name: 'shifted' }],
      nodes: [
        ...graph.nodes,
        {
          op: 'Add',
          domain: '',
          name: 'shift',
          inputs: [graph.outputs[0]?.name as string, 'pixel_values'],
          outputs: ['shifted'],
          attributes: {},
        },
      ],
    };
    const error = await failure(loadModel({ graph: extra }, { numLabels: 3 }));
    expect(error.code).toMatch(/^MODEL_/);
    expect(error.message).toContain('pixel_values');
  });

  it('a runtime that refuses the graph', async () => {
    const refusing: OrtModule = {
      ...spied().ort,
      InferenceSession: { create: () => Promise.reject(new Error('no such operator')) },
    };
    const model = await loadModel({ graph: tinyBert() }, { numLabels: 3, ort: refusing });
    const error = await failure(model.predict(batch));
    expect(error).toMatchObject({ code: 'SESSION_CREATE' });
    expect(error.message).toContain('no such operator');
  });

  it('token ids outside the vocabulary', async () => {
    const model = await loadModel({ graph: tinyBert() }, { numLabels: 3 });
    expect(await failure(model.predict({ ...batch, inputIds: batch.inputIds.map(() => 5000) }))).toMatchObject({
      code: 'SESSION_RUN',
    });
    // and the model is still good
    expect((await model.predict(batch)).every(Number.isFinite)).toBe(true);
    await model.dispose();
  });

  it('dispose releases every session', async () => {
    const counts = { made: 0, released: 0 };
    const create: OrtModule['InferenceSession']['create'] = async (model, options) => {
      const session = await ort.InferenceSession.create(model, options);
      counts.made++;
      return Object.assign(session, {
        release: async () => {
          counts.released++;
        },
      });
    };
    const model = await loadModel(
      { graph: tinyBert() },
      { numLabels: 3, ort: { InferenceSession: { create }, Tensor: ort.Tensor as unknown as OrtModule['Tensor'] } },
    );
    await model.predict(batch);
    await model.encode(batch);
    await model.step([batch], { groups: ['adapter'], learningRate: 0.1 });
    await model.dispose();
    expect(counts).toEqual({ made: 3, released: 3 });
  });

  it('use after dispose', async () => {
    const model = await loadModel({ graph: tinyBert() }, { numLabels: 3 });
    await model.predict(batch);
    await model.dispose();
    await model.dispose();
    for (const use of [() => model.predict(batch), () => model.read(), () => model.gradients(batch, ['adapter'])]) {
      expect((await failure(use())).code).toMatch(/DISPOSED/);
    }
  });
});

describe('a killed run', () => {
  const data = { train: tinySplit('train', 30), dev: tinySplit('dev', 9) };
  const plan = twoStage({
    classifier: { epochs: 2, batchSize: 4 },
    adapter: { epochs: 2, batchSize: 4, accumulate: 2 },
    seed: 3,
  });
  const options = { numLabels: 3, dropout: 0.1, seed: 3, layers: [1, 2] };

  it('resumed at any step ends with the same bits', async () => {
    const whole = await loadModel({ graph: tinyBert() }, options);
    const checkpoints: Checkpoint[] = [];
    for await (const event of train(whole, data, plan, {
      metric: METRICS.accuracy,
      maxCacheBytes: 1e6,
      checkpointEvery: 3,
    })) {
      if (event.type === 'checkpoint') checkpoints.push(event.checkpoint);
    }
    const expected = await whole.read();
    await whole.dispose();
    expect(checkpoints.length).toBeGreaterThan(6);
    for (const resume of checkpoints) {
      const model = await loadModel({ graph: tinyBert() }, options);
      let last: TrainEvent | undefined;
      for await (const event of train(model, data, plan, { metric: METRICS.accuracy, maxCacheBytes: 1e6, resume }))
        last = event;
      expect(last?.type).toBe('end');
      expect(await model.read()).toEqual(expected);
      await model.dispose();
    }
  });
});

describe('an adapter that was saved', () => {
  it('gives the same logits in a model loaded anew, and is refused by any other', async () => {
    const model = await loadModel({ graph: tinyBert() }, { numLabels: 3 });
    await model.step([batch], { groups: ['classifier', 'adapter', 'norm'], learningRate: 0.05 });
    const files = await saveAdapter(model, { baseModel: 'tiny', labels: ['a', 'b', 'c'] });
    const again = await loadModel({ graph: tinyBert() }, { numLabels: 3 });
    expect(await again.predict(batch)).not.toEqual(await model.predict(batch));
    await loadAdapter(again, files);
    expect(await again.predict(batch)).toEqual(await model.predict(batch));

    const before = await again.read();
    const others = [
      ['ADAPTER_BASE_MISMATCH', await loadModel({ graph: tinyBert(2) }, { numLabels: 3 })],
      ['ADAPTER_SITE_MISMATCH', await loadModel({ graph: tinyBert() }, { numLabels: 3, site: 'output' })],
      ['ADAPTER_SITE_MISMATCH', await loadModel({ graph: tinyBert() }, { numLabels: 3, layers: [0] })],
      ['ADAPTER_SHAPE_MISMATCH', await loadModel({ graph: tinyBert() }, { numLabels: 2 })],
    ] as const;
    for (const [code, other] of others) {
      const untouched = await other.read();
      expect(await failure(loadAdapter(other, files))).toMatchObject({ code });
      expect(await other.read()).toEqual(untouched);
    }
    expect(await again.read()).toEqual(before);
  });
});
