import { compileModel } from '@hadamard-adapter/runtime/internal';
import { int, type Graph } from '@hadamard-adapter/graph/internal';
import type { AdapterModel } from '@hadamard-adapter/compiler/internal';
import { describe, expect, it } from 'vitest';
import { loadModel, probeDevices, type LoadOptions, type Tf } from '../src/index.js';
import { checkOperators } from '../src/check.js';
import { explain } from '../src/failures.js';
import { failure, tf, tinyBert } from './support/node.js';

const load = (options: Partial<LoadOptions> | { tf: unknown } = {}): Promise<unknown> =>
  loadModel({ graph: tinyBert() }, { tf, device: 'cpu', numLabels: 3, ...options } as LoadOptions);
/** This TensorFlow.js with something else in it. */
const altered = (changes: object): Tf => ({ ...tf, ...changes }) as unknown as Tf;

describe('TensorFlow.js itself', () => {
  it.each([
    ['none', undefined],
    ['something else', { engine: 1 }],
  ])('%s', async (_, given) => {
    expect(await failure(load({ tf: given }))).toMatchObject({ code: 'TF_MISSING' });
  });

  it('another version', async () => {
    const error = await failure(load({ tf: altered({ version_core: '3.21.0' }) }));
    expect(error.code).toBe('TF_VERSION');
    expect(error.message).toContain('3.21.0');
  });

  it('a second copy, whose classes are not those of the engine', async () => {
    const error = await failure(load({ tf: altered({ Environment: Map }) }));
    expect(error.code).toBe('TF_COPIES');
    expect(error.message).toContain('dedupe');
  });
});

describe('devices', () => {
  it.each([
    ['cuda', 'DEVICE_UNKNOWN', 'tensorflow'],
    ['gpu', 'DEVICE_UNKNOWN', 'webgpu'],
    ['toString', 'DEVICE_UNKNOWN', 'webgl'],
    ['webgpu', 'BACKEND_MISSING', "import '@tensorflow/tfjs-backend-webgpu'"],
    ['tensorflow', 'BACKEND_MISSING', '@tensorflow/tfjs-node'],
  ])('%s is refused as %s', async (device, code, named) => {
    const error = await failure(load({ device }));
    expect(error.code).toBe(code);
    expect(error.message).toContain(named);
  });

  it('a backend that does not start', async () => {
    tf.registerBackend('webgl', () => {
      throw new Error('no canvas');
    });
    expect(await failure(load({ device: 'webgl' }))).toMatchObject({ code: 'DEVICE_UNAVAILABLE' });
    expect(['cpu', 'wasm']).toContain(tf.getBackend());
    tf.removeBackend('webgl');
  });

  it('WebGL with half floats', async () => {
    const active = tf.getBackend();
    const half = altered({
      findBackendFactory: () => () => undefined,
      setBackend: async () => true,
      getBackend: () => active,
      env: () => Object.assign(Object.create(tf.Environment.prototype) as object, { getBool: () => false }),
    });
    const error = await failure(load({ tf: half, device: 'webgl' }));
    expect(error.code).toBe('DEVICE_PRECISION');
    expect(error.message).toContain('16');
  });

  it('are all tried, and say why they do not work', async () => {
    const reports = await probeDevices({ tf });
    expect(reports.filter(({ available }) => available).map(({ device }) => device)).toEqual(['wasm', 'cpu']);
    for (const { available, reason } of reports) expect(available).toBe(reason === undefined);
  });

  it('that compute wrong numbers are not available', async () => {
    const wrong = altered({ erf: (x: Parameters<Tf['erf']>[0]) => tf.mul(tf.erf(x), 1.01) });
    const reports = await probeDevices({ tf: wrong });
    expect(reports.some(({ available }) => available)).toBe(false);
    expect(reports.find(({ device }) => device === 'cpu')?.reason).toContain('wrong numbers');
  });
});

/** The tiny BERT with one more node in front of its logits. */
function withNode(op: string, inputs: readonly string[], tensors: Graph['tensors'], attributes = {}): AdapterModel {
  const model = compileModel(tinyBert(), { numLabels: 3 });
  const renamed = model.graph.nodes.flatMap((node) =>
    node.outputs[0] === 'logits'
      ? [
          { ...node, outputs: ['before'] },
          { op, domain: '', name: 'odd_one', inputs: ['before', ...inputs], outputs: ['logits'], attributes },
        ]
      : [node],
  );
  return {
    ...model,
    graph: { ...model.graph, nodes: renamed, tensors: new Map([...model.graph.tensors, ...tensors]) },
  };
}

describe('models', () => {
  it('with an operator that TensorFlow.js cannot run are refused before anything is computed, naming it', async () => {
    const axis = new Map([['odd_axis', { dtype: 'int64' as const, dims: [], bytes: new Uint8Array(8) }]]);
    const error = await failure(async () => checkOperators(tf, 'cpu', withNode('CumSum', ['odd_axis'], axis)));
    expect(error.code).toBe('OPERATOR_TFJS');
    expect(error.message).toMatch(/CumSum "odd_one"/);
    expect(error.message).toContain('onnxruntime');
  });

  it('with a kernel that this backend lacks, naming those that have it', async () => {
    const lacking = altered({
      getKernel: (kernel: string, backend: string) =>
        kernel === 'Erf' && backend === 'wasm' ? undefined : tf.getKernel(kernel, backend),
    });
    const error = await failure(load({ tf: lacking, device: 'wasm' }));
    expect(error.code).toBe('KERNEL_MISSING');
    expect(error.message).toMatch(/Erf.*wasm/);
    expect(error.message).toContain('cpu');
  });

  it('with a softmax over another axis', async () => {
    const error = await failure(async () =>
      checkOperators(tf, 'cpu', withNode('Softmax', [], new Map(), { axis: int(0) })),
    );
    expect(error.code).toBe('OPERATOR_AXIS');
    expect(error.message).toContain('odd_one');
  });

  it('that are none', async () => {
    expect(
      await failure(loadModel({ model: new Uint8Array([1, 2, 3]) }, { tf, device: 'cpu', numLabels: 2 })),
    ).toHaveProperty('code');
  });
});

describe('what TensorFlow.js throws', () => {
  it.each([
    ["Kernel 'Erf' not registered for backend 'wasm'", 'KERNEL_MISSING'],
    ['Cannot compute gradient: gradient function not found for Einsum.', 'KERNEL_MISSING'],
    ['WebGL context lost', 'DEVICE_LOST'],
    ['Requested texture size [20000x20000] greater than WebGL maximum on this browser', 'OUT_OF_MEMORY'],
    ['anything else', 'TFJS_RUN'],
  ])('%s', (message, code) => {
    expect(explain(tf, 'wasm', new Error(message))).toMatchObject({ code });
  });
});
