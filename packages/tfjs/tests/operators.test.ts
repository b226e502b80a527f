import { evaluate, float32Tensor, int, type Graph, type Node, type Value } from '@hadamard-adapter/graph/internal';
import type { Tensor } from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, it } from 'vitest';
import { Constants } from '../src/graph/constants.js';
import { deviceOperand } from '../src/graph/operand.js';
import { Program } from '../src/graph/program.js';
import { registerMissingKernels } from '../src/devices/kernels.js';
import { tf } from './support/node.js';

const BACKENDS = ['cpu', 'wasm'];

beforeAll(async () => {
  for (const backend of BACKENDS) await tf.setBackend(backend);
  registerMissingKernels(tf, 'wasm');
});

const ramp = (size: number, scale = 1): Float64Array =>
  Float64Array.from({ length: size }, (_, i) => scale * (((i * 37) % 23) / 23 - 0.4));
const node = (
  op: string,
  inputs: readonly string[],
  attributes: Node['attributes'] = {},
  outputs: readonly string[] = ['y'],
  domain = '',
): Node => ({ op, domain, name: op, inputs, outputs, attributes });
const ints = (...values: number[]): ReturnType<typeof float32Tensor> => ({
  dtype: 'int64',
  dims: [values.length],
  bytes: new Uint8Array(BigInt64Array.from(values, BigInt).buffer),
});

interface Case {
  readonly node: Node;
  readonly dims: readonly number[];
  readonly tensors?: Graph['tensors'];
}

const scores = new Map([['index', { ...ints(0, 1, 2, 1, 0, 1, 2, 2, 2, 0, 0, 1), dims: [2, 2, 3] }]]);
/** Ten picks from the same place: more than are gathered round by round. */
const crowded = new Map([
  ['index', { ...ints(...Array.from({ length: 20 }, (_, i) => (i === 7 ? 1 : 0))), dims: [2, 10] }],
]);

const CASES: Readonly<Record<string, Case>> = {
  'GatherElements along the last axis': {
    node: node('GatherElements', ['x', 'index'], { axis: int(-1) }),
    dims: [2, 2, 4],
    tensors: scores,
  },
  'GatherElements along the first axis': {
    node: node('GatherElements', ['x', 'index'], { axis: int(0) }),
    dims: [3, 2, 3],
    tensors: scores,
  },
  'GatherElements, many from one place': {
    node: node('GatherElements', ['x', 'index'], { axis: int(1) }),
    dims: [2, 3],
    tensors: crowded,
  },
  'Gather of a scalar index': {
    node: node('Gather', ['x', 'index'], { axis: int(1) }),
    dims: [2, 3, 4],
    tensors: new Map([['index', { ...ints(-1), dims: [] }]]),
  },
  'Gather of a matrix of indices': {
    node: node('Gather', ['x', 'index']),
    dims: [5, 3],
    tensors: new Map([['index', { ...ints(0, 4, -1, 0, 2, 2), dims: [2, 3] }]]),
  },
  'Slice backwards by two': {
    node: node('Slice', ['x', 'from', 'to', 'axis', 'step']),
    dims: [2, 7],
    tensors: new Map([
      ['from', ints(6)],
      ['to', ints(-8)],
      ['axis', ints(1)],
      ['step', ints(-2)],
    ]),
  },
  'Slice of two axes': {
    node: node('Slice', ['x', 'from', 'to', 'axis']),
    dims: [4, 5, 2],
    tensors: new Map([
      ['from', ints(1, -3)],
      ['to', ints(3, 100)],
      ['axis', ints(0, 1)],
    ]),
  },
  'MatMul that broadcasts its batch': {
    node: node('MatMul', ['x', 'w']),
    dims: [2, 3, 2, 4],
    tensors: new Map([['w', float32Tensor(ramp(24), [3, 4, 2])]]),
  },
  'Linear, transposed': {
    node: node('Linear', ['x', 'w', 'b'], { transB: int(1) }, ['y'], 'hadamard'),
    dims: [2, 3, 4],
    tensors: new Map([
      ['w', float32Tensor(ramp(20), [5, 4])],
      ['b', float32Tensor(ramp(5), [5])],
    ]),
  },
  LayerNormalization: {
    node: node('LayerNormalization', ['x', 'w', 'b'], { epsilon: { type: 'float', value: 1e-12 } }),
    dims: [2, 3, 4],
    tensors: new Map([
      ['w', float32Tensor(ramp(4), [4])],
      ['b', float32Tensor(ramp(4), [4])],
    ]),
  },
  RMSNormalization: {
    node: node('RMSNormalization', ['x', 'w']),
    dims: [2, 3, 4],
    tensors: new Map([['w', float32Tensor(ramp(4), [4])]]),
  },
  Gelu: { node: node('Gelu', ['x']), dims: [3, 5] },
  'Gelu by tanh': { node: node('Gelu', ['x'], { approximate: { type: 'string', value: 'tanh' } }), dims: [3, 5] },
  ReduceLogSumExp: {
    node: node('ReduceLogSumExp', ['x', 'axes'], { keepdims: int(1) }),
    dims: [2, 3, 4],
    tensors: new Map([['axes', ints(-1)]]),
  },
  Expand: { node: node('Expand', ['x', 'shape']), dims: [3, 1], tensors: new Map([['shape', ints(2, 3, 4)]]) },
  'Split, of which one part': {
    node: node('Split', ['x', 'sizes'], { axis: int(1) }, ['y', 'rest']),
    dims: [2, 5],
    tensors: new Map([['sizes', ints(2, 3)]]),
  },
  Transpose: { node: node('Transpose', ['x'], { perm: { type: 'ints', value: [2, 0, 1] } }), dims: [2, 3, 4] },
};

const graphOf = ({ node: only, dims, tensors = new Map() }: Case): Graph => ({
  name: 'one',
  opsets: new Map([['', 18]]),
  inputs: [{ name: 'x', dtype: 'float32', dims }],
  outputs: [{ name: 'y', dtype: 'float32', dims: [] }],
  nodes: [only],
  tensors,
});

/** Σ y ∘ k for fixed k, of the interpreter. */
function weighted(graph: Graph, x: Value): number {
  const { data = new Float64Array(0) } = evaluate(graph, new Map([['x', x]]), {
    maxElements: Number.POSITIVE_INFINITY,
  }).get('y') as Value;
  return data.reduce((sum, value, i) => sum + value * Math.cos(i), 0);
}

describe.each(BACKENDS)(
  'operators on %s, values against the interpreter and gradients against its central differences',
  (backend) => {
    it.each(Object.entries(CASES))('%s', async (_, each) => {
      await tf.setBackend(backend);
      const graph = graphOf(each);
      const size = each.dims.reduce((product, dim) => product * dim, 1);
      const x: Value = { dtype: 'float32', dims: each.dims, data: ramp(size, 2) };
      const constants = new Constants(tf);
      const program = new Program(tf, graph, constants);
      program.prepare();
      const run = (tensor: Tensor): Tensor =>
        program.run(new Map([['x', { ...deviceOperand(tensor, x), own: false }]])).get('y') as Tensor;
      const input = tf.tensor(Float32Array.from(x.data ?? []), [...each.dims]);
      const y = tf.tidy(() => run(input));
      const expected = evaluate(graph, new Map([['x', x]]), { maxElements: Number.POSITIVE_INFINITY }).get(
        'y',
      ) as Value;
      expect(y.shape).toEqual([...expected.dims]);
      // Float32, of numbers around 1.
      (await y.data()).forEach((value, i) =>
        expect(Math.abs(value - (expected.data?.[i] as number))).toBeLessThan(2e-6),
      );
      const factors = tf.tensor(
        Float32Array.from(expected.data ?? [], (__, i) => Math.cos(i)),
        y.shape,
      );
      const gradient = tf.grad((value) => tf.sum(tf.mul(run(value), factors)))(input);
      const h = 1e-4;
      (await gradient.data()).forEach((value, i) => {
        const moved = (by: number): Value => ({
          ...x,
          data: (x.data as Float64Array).map((entry, k) => (k === i ? entry + by : entry)),
        });
        const slope = (weighted(graph, moved(h)) - weighted(graph, moved(-h))) / (2 * h);
        expect(Math.abs(value - slope)).toBeLessThan(2e-5 * Math.max(1, Math.abs(slope)));
      });
      tf.dispose([input, y, factors, gradient]);
      program.dispose();
      constants.dispose();
    });
  },
);

describe('a sum of segments on WASM', () => {
  it('is that of the CPU, rows of no segment dropped', async () => {
    const sums: number[][] = [];
    for (const backend of BACKENDS) {
      await tf.setBackend(backend);
      const result = tf.tidy(() =>
        tf.unsortedSegmentSum(
          tf.tensor2d(Float32Array.from(ramp(12)), [6, 2]),
          tf.tensor1d(Int32Array.of(0, 2, 2, -1, 0, 3), 'int32'),
          4,
        ),
      );
      sums.push(Array.from(await result.data()));
      result.dispose();
    }
    expect(sums[1]?.map((value) => value.toFixed(5))).toEqual(sums[0]?.map((value) => value.toFixed(5)));
  });
});
