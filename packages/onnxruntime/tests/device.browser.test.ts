import { METRICS, train, twoStage, type Checkpoint, type TrainableModel } from '@hadamard-adapter/core';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { availableDevices, loadModel, loadModelInWorker, probeDevices, saveAdapter, loadAdapter } from '../src/web.js';
import { failure } from './support/failure.js';
import { relativeDifference, tinyBert, tinyModel, tinySplit } from './support/tiny.js';

const split = tinySplit('train', 12);
const batch = split.batch(Int32Array.of(0, 1, 2, 3));
const quiet = { onNotice: () => undefined };
const settings = { groups: ['adapter', 'norm'], learningRate: 1e-2 } as const;

afterEach(() => {
  vi.restoreAllMocks();
});

/** Every GPU device that is made from here on, to take it away. */
function devices(): GPUDevice[] {
  const made: GPUDevice[] = [];
  const original = GPUAdapter.prototype.requestDevice;
  vi.spyOn(GPUAdapter.prototype, 'requestDevice').mockImplementation(async function (this: GPUAdapter, descriptor) {
    const device = await original.call(this, descriptor);
    made.push(device);
    return device;
  });
  return made;
}

async function steps(
  model: TrainableModel,
  count: number,
  before: (step: number) => void = () => undefined,
): Promise<Float32Array> {
  for (let step = 0; step < count; step++) {
    before(step);
    await model.step([split.batch(Int32Array.of(step, step + 1, step + 2))], settings);
  }
  return model.read();
}

function distance(left: Float32Array, right: Float32Array): number {
  expect(left.length).toBe(right.length);
  return left.reduce((worst, value, i) => Math.max(worst, Math.abs(value - (right[i] as number))), 0);
}

describe('products with frozen weights in integers', () => {
  it('come close to float32 on WASM, whatever the processor can do', async () => {
    const [exact, rounded] = [
      await loadModel({ graph: tinyBert() }, { numLabels: 3, device: 'wasm', ...quiet }),
      await loadModel({ graph: tinyBert() }, { numLabels: 3, device: 'wasm', arithmetic: 'int8', ...quiet }),
    ];
    const [expected, found] = [
      await exact.gradients(batch, ['adapter', 'norm']),
      await rounded.gradients(batch, ['adapter', 'norm']),
    ];
    expect(found.loss).not.toBe(expected.loss);
    expect(Math.abs(found.loss - expected.loss)).toBeLessThan(0.02);
    // Two roundings of 1/127 (1/63 where products would saturate) for each of the six products that a gradient comes
    // through.
    expect(relativeDifference(found.gradients, expected.gradients)).toBeLessThan(0.2);
    await Promise.all([exact.dispose(), rounded.dispose()]);
  });

  it('are refused on a GPU', async () => {
    expect(
      await failure(loadModel({ graph: tinyBert() }, { numLabels: 3, device: 'webgpu', arithmetic: 'int8' })),
    ).toMatchObject({ code: 'ARITHMETIC_DEVICE' });
  });
});

describe('devices', () => {
  it('are listed when they computed the right numbers', async () => {
    expect(await availableDevices()).toEqual(['webgpu', 'wasm']);
  });

  it('are not listed without a driver, and say why', async () => {
    vi.spyOn(navigator.gpu, 'requestAdapter').mockResolvedValue(null);
    const [webgpu] = await probeDevices();
    expect(webgpu).toMatchObject({ device: 'webgpu', available: false });
    expect(webgpu?.reason).toContain('no adapter');
  });

  it.each([
    ['cuda', 'Node'],
    ['webgl', 'tfjs'],
    ['cpu', 'wasm'],
  ])('%s is refused with the place where it is', async (device, place) => {
    const error = await failure(loadModel({ graph: tinyBert() }, { numLabels: 3, device }));
    expect(error.code).toBe('DEVICE_UNKNOWN');
    expect(error.message).toContain(place);
  });

  it('wasm has its threads on an isolated page', () => {
    expect(globalThis.crossOriginIsolated).toBe(true);
  });

  it('wasm says when it has one thread only, and refuses more', async () => {
    vi.stubGlobal('crossOriginIsolated', false);
    const notices: string[] = [];
    const model = await loadModel({ graph: tinyBert() }, { numLabels: 3, onNotice: ({ code }) => notices.push(code) });
    await model.dispose();
    expect(notices).toEqual(['WASM_ONE_THREAD']);
    const error = await failure(loadModel({ graph: tinyBert() }, { numLabels: 3, threads: 4 }));
    expect(error.code).toBe('WASM_THREADS');
    expect(error.message).toContain('Cross-Origin-Opener-Policy');
    vi.unstubAllGlobals();
  });
});

// One model on each device: shaders are compiled in software, seconds for every graph of every session.
describe('training in a page', () => {
  const models = new Map<string, TrainableModel>();
  const on = (device: string): TrainableModel => models.get(device) as TrainableModel;
  beforeAll(async () => {
    for (const device of ['wasm', 'webgpu'])
      models.set(device, await loadModel({ graph: tinyBert() }, { numLabels: 3, device, ...quiet }));
  });

  it('takes the same steps on WASM and WebGPU, accumulated and clipped', async () => {
    for (const model of models.values()) {
      await model.step([batch], { ...settings, maxGradientNorm: 0.01, weightDecay: 0.1 });
      await model.step([batch, split.batch(Int32Array.of(4, 5))], settings);
    }
    expect(distance(await on('wasm').read(), await on('webgpu').read())).toBeLessThan(1e-5);
    const [mine, theirs] = [await on('wasm').readOptimizer(), await on('webgpu').readOptimizer()];
    expect(mine?.step).toBe(2);
    expect(theirs?.step).toBe(2);
    expect(distance(mine?.second as Float32Array, theirs?.second as Float32Array)).toBeLessThan(1e-6);
  });

  it.each(['wasm', 'webgpu'])('answers calls at once as if they came one after the other, on %s', async (device) => {
    const model = on(device);
    const batches = [0, 1, 2, 3, 4, 5].map((row) => split.batch(Int32Array.of(row)));
    const alone: Float32Array[] = [];
    for (const each of batches) alone.push(await model.predict(each));
    const together = await Promise.all(batches.map((each) => model.predict(each)));
    expect(together).toEqual(alone);
  });

  it.each(['wasm', 'webgpu'])('ends with dispose, on %s', async (device) => {
    const model = on(device);
    await model.step([batch], settings);
    await model.dispose();
    expect(await failure(model.predict(batch))).toMatchObject({ code: 'MODEL_DISPOSED' });
    expect(await failure(model.read())).toMatchObject({ code: 'MODEL_DISPOSED' });
  });
});

describe('a GPU that is reset', () => {
  it('costs nothing: training goes on from the last step on a new device', async () => {
    const load = () => loadModel({ graph: tinyBert() }, { numLabels: 3, device: 'webgpu', ...quiet });
    const undisturbed = await load();
    const expected = await steps(undisturbed, 4);
    await undisturbed.dispose();
    const made = devices();
    const model = await load();
    const found = await steps(model, 4, (step) => step === 2 && made.at(-1)?.destroy());
    expect(made).toHaveLength(2);
    expect(found).toEqual(expected);
    await model.dispose();
    // Nothing is left of it on the GPU.
    expect((await made[1]?.lost)?.reason).toBe('destroyed');
  });

  it('under several calls at once is replaced once', async () => {
    const made = devices();
    const model = await loadModel({ graph: tinyBert() }, { numLabels: 3, device: 'webgpu', ...quiet });
    const batches = [0, 1, 2].map((row) => split.batch(Int32Array.of(row)));
    const alone: Float32Array[] = [];
    for (const each of batches) alone.push(await model.predict(each));
    made[0]?.destroy();
    expect(await Promise.all(batches.map((each) => model.predict(each)))).toEqual(alone);
    expect(made).toHaveLength(2);
    await model.dispose();
  });

  it('and does not come back: a clear error, and a checkpoint of the last step', async () => {
    const plan = twoStage({ classifier: { epochs: 1, batchSize: 4 }, adapter: { epochs: 1, batchSize: 4 }, seed: 3 });
    const made = devices();
    const model = await loadModel({ graph: tinyBert() }, { numLabels: 3, device: 'webgpu', ...quiet });
    const checkpoints: Checkpoint[] = [];
    let done = 0;
    const run = async (): Promise<void> => {
      for await (const event of train(model, { train: split }, plan, { metric: METRICS.accuracy, maxCacheBytes: 0 })) {
        if (event.type === 'checkpoint') checkpoints.push(event.checkpoint);
        if (event.type === 'step' && ++done === 2) {
          vi.spyOn(navigator.gpu, 'requestAdapter').mockResolvedValue(null);
          made.at(-1)?.destroy();
        }
      }
    };
    expect(await failure(run())).toMatchObject({ code: 'DEVICE_LOST' });
    expect(checkpoints).toHaveLength(1);
    expect(checkpoints[0]?.position).toEqual({ stage: 0, epoch: 0, step: 2 });
    vi.restoreAllMocks();

    // On another device it goes on to the end.
    const other = await loadModel({ graph: tinyBert() }, { numLabels: 3, device: 'wasm', ...quiet });
    const events: string[] = [];
    for await (const event of train(other, { train: split }, plan, {
      metric: METRICS.accuracy,
      maxCacheBytes: 0,
      resume: checkpoints[0] as Checkpoint,
    }))
      events.push(event.type);
    expect(events.at(-1)).toBe('end');
    await other.dispose();
  });
});

describe('a worker', () => {
  const worker = () => new Worker(new URL('../src/worker.ts', import.meta.url), { type: 'module' });

  it('trains, computes ahead, saves and refuses as the page itself does', async () => {
    const bytes = tinyModel();
    const own = await loadModel({ model: bytes.slice() }, { numLabels: 3, ...quiet });
    const model = await loadModelInWorker(
      { model: bytes.buffer as ArrayBuffer },
      { numLabels: 3, worker: worker(), ...quiet },
    );
    expect(bytes.byteLength).toBe(0);
    expect(model.parameters).toEqual(own.parameters);
    const progress: number[] = [];
    expect(
      await model.precompute?.(split, ['classifier'], { maxBytes: 1e6, onProgress: (done) => progress.push(done) }),
    ).toBe(split.size);
    expect(progress.at(-1)).toBe(split.size);
    expect(distance(await steps(model, 2), await steps(own, 2))).toBe(0);
    const files = await saveAdapter(model, { baseModel: 'tiny', labels: [] });
    await loadAdapter(own, files);
    expect(await own.predict(batch)).toEqual(await model.predict(batch));
    const error = await failure(model.write(new Float32Array(3)));
    expect(error).toMatchObject({ code: 'PARAMETER_LENGTH', name: 'MismatchError' });
    await model.dispose();
    await own.dispose();
  });

  it('says what is wrong with a file or a device', async () => {
    expect(
      await failure(loadModelInWorker({ model: new Blob(['no model']) }, { numLabels: 2, worker: worker(), ...quiet })),
    ).toMatchObject({ name: 'FormatError' });
    expect(
      await failure(
        loadModelInWorker(
          { model: new URL('/no-such-model.onnx', location.href) },
          { numLabels: 2, worker: worker(), ...quiet },
        ),
      ),
    ).toMatchObject({ code: 'MODEL_FETCH' });
    expect(
      await failure(
        loadModelInWorker({ model: new Blob([]) }, { numLabels: 2, device: 'cuda', worker: worker(), ...quiet }),
      ),
    ).toMatchObject({ code: 'DEVICE_UNKNOWN' });
  });

  it('that does not start is an error', async () => {
    const broken = new Worker(
      URL.createObjectURL(new Blob(['throw new Error("broken")'], { type: 'text/javascript' })),
      { type: 'module' },
    );
    expect(await failure(loadModelInWorker({ model: new Blob([]) }, { numLabels: 2, worker: broken }))).toMatchObject({
      code: 'WORKER_FAILED',
    });
  });
});
