import { RuntimeError, layout, normal, type Group, type ParameterInfo } from '@hadamard-adapter/core';
import { evaluate, type Value } from '@hadamard-adapter/graph/internal';
import { describe, expect, it } from 'vitest';
import {
  DeviceStore,
  HostStore,
  RetryOnDeviceLoss,
  deviceLost,
  type MicroBatch,
  type RunInputs,
  type StoreDevice,
} from '../src/internal.js';

const info = (name: string, group: Group, size: number): ParameterInfo => ({ name, group, shape: [size] });
const SMALL = [info('classifier.weight', 'classifier', 3), info('layer.0.adapter.weight', 'adapter', 5)];
/** Too many numbers to come back with every step. */
const LARGE = [...SMALL, info('base', 'base', 2 ** 20)];
const GROUPS = ['classifier', 'adapter'] as const;

/** Parts of a batch whose gradients are their own seed's. */
const part = (seed: number, weight = 1): MicroBatch => ({
  inputs: { batch: { batch: 1, sequence: 1, inputIds: Int32Array.of(seed), attentionMask: Int32Array.of(1) } },
  weight,
});

function trained(infos: readonly ParameterInfo[]) {
  const places = layout(infos);
  return async (groups: readonly Group[], { batch }: RunInputs) => ({
    loss: batch.inputIds[0] as number,
    gradients: normal(places.sizeOfGroups(groups), 1, batch.inputIds[0] as number, 'gradients'),
  });
}

interface HeldTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
  freed: boolean;
}

/** A device whose tensors lie in memory, and whose graphs are interpreted. */
class FakeDevice implements StoreDevice<HeldTensor> {
  readonly held: HeldTensor[] = [];
  /** At this `train` the device is lost. */
  loseAt = Number.POSITIVE_INFINITY;
  store: DeviceStore<HeldTensor> | undefined;
  private trainings = 0;
  private readonly gradientsOf: ReturnType<typeof trained>;
  private readonly device = new RetryOnDeviceLoss({ close: () => undefined }, async () => ({ close: () => undefined }));

  constructor(infos: readonly ParameterInfo[]) {
    this.gradientsOf = trained(infos);
  }

  tensor(data: Float32Array, dims: readonly number[] = [data.length]): HeldTensor {
    const tensor = { data: data.slice(), dims, freed: false };
    this.held.push(tensor);
    return tensor;
  }

  async read({ data, freed }: HeldTensor): Promise<Float32Array> {
    expect(freed).toBe(false);
    return data.slice();
  }

  free(tensor: HeldTensor): void {
    expect(tensor.freed).toBe(false);
    tensor.freed = true;
  }

  async program(_: string, compile: Parameters<StoreDevice<HeldTensor>['program']>[1]) {
    const graph = compile();
    return {
      run: async (feeds: Readonly<Record<string, HeldTensor>>, outputs: readonly string[]) => {
        const values = Object.entries(feeds).map(([name, { data, dims, freed }]): [string, Value] => {
          expect(freed, name).toBe(false);
          return [name, { dtype: 'float32', dims, data: Float64Array.from(data) }];
        });
        const results = evaluate(graph, new Map(values), { maxElements: Number.POSITIVE_INFINITY });
        return new Map(
          outputs.map((name) => {
            const { data, dims } = results.get(name) as Required<Value>;
            return [name, this.tensor(Float32Array.from(data), dims)];
          }),
        );
      },
    };
  }

  async train(groups: readonly Group[], inputs: RunInputs) {
    if (this.trainings++ === this.loseAt) throw deviceLost('fake', 'it was taken away');
    const { loss, gradients } = await this.gradientsOf(groups, inputs);
    return { loss: this.tensor(Float32Array.of(loss), []), gradients: this.tensor(gradients) };
  }

  retried<T>(work: () => Promise<T>): Promise<T> {
    return this.device.run(work, () => this.store?.abandon());
  }
}

function both(infos: readonly ParameterInfo[]) {
  const places = layout(infos);
  const initial = normal(places.size, 1, 7, 'initial');
  const device = new FakeDevice(infos);
  const store = new DeviceStore(infos, initial, device);
  device.store = store;
  return { device, store, host: new HostStore(initial.slice(), places, { train: trained(infos) }) };
}

const settings = { groups: GROUPS, learningRate: 0.01, weightDecay: 0.1, maxGradientNorm: 1 };

function expectNear(found: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(found.length).toBe(expected.length);
  expect(
    Math.max(...Array.from({ length: expected.length }, (_, i) => Math.abs((found[i] ?? NaN) - (expected[i] ?? NaN)))),
  ).toBeLessThan(1e-6);
}

describe.each([
  ['mirrored with every step', SMALL],
  ['on the device alone', LARGE],
] as const)('a device store %s', (_, infos) => {
  it('takes the steps of the store in memory, in parts too', { timeout: 120_000 }, async () => {
    const { store, host } = both(infos);
    for (const parts of [[part(1)], [part(2, 0.25), part(3, 0.75)], [part(4)]])
      expect((await store.step(parts, settings)).loss).toBeCloseTo((await host.step(parts, settings)).loss, 5);
    expect(store.stepsDone(GROUPS)).toBe(3);
    expectNear((await store.read()).subarray(0, 8), (await host.read()).subarray(0, 8));
    const [found, expected] = [await store.readOptimizer(), await host.readOptimizer()];
    expectNear(found?.second ?? [], expected?.second ?? [1]);
    await store.writeOptimizer(expected);
    await store.step([part(5)], settings);
    await host.step([part(5)], settings);
    expectNear((await store.read()).subarray(0, 8), (await host.read()).subarray(0, 8));
  });
});

describe('a device store', () => {
  it('frees what it made on the device', async () => {
    const { device, store } = both(SMALL);
    await store.step([part(1), part(2)], settings);
    await store.step([part(3)], { ...settings, groups: ['adapter'] });
    store.dispose();
    const [state] = [device.held.filter(({ data, freed }) => !freed && data.length === 8)];
    expect(state).toEqual([]);
  });

  it('does a step again on the next device when one is lost', async () => {
    const { device, store, host } = both(SMALL);
    device.loseAt = 1;
    for (const seed of [1, 2, 3]) {
      await store.step([part(seed)], settings);
      await host.step([part(seed)], settings);
    }
    expectNear(await store.read(), await host.read());
  });

  it('says so when the device took a state with it that was nowhere else', async () => {
    const { device, store } = both(LARGE);
    await store.step([part(1)], settings);
    device.loseAt = 1;
    await expect(store.step([part(2)], settings)).rejects.toThrow(RuntimeError);
    await expect(store.read()).rejects.toMatchObject({ code: 'DEVICE_LOST' });
    await store.write(new Float32Array(LARGE.reduce((sum, { shape }) => sum + (shape[0] as number), 0)));
    expect((await store.read())[0]).toBe(0);
  });
});
