import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  INTERNAL_DOMAIN,
  float,
  int,
  ints,
  string,
  type Attributes,
  type Graph,
  type Node,
  type Tensor,
  reach,
  makeNode,
  elementCount,
  fromNumbers,
  int64Tensor,
  evaluateNode,
  valueOfTensor,
  type Value,
} from '@hadamard-adapter/graph/internal';
import { lower } from '../../src/passes.js';
import { checkGradients } from './central-differences.js';

/** A graph that grows node by node. */
interface Growth {
  /** Float values to go on from, the newest last. */
  readonly values: string[];
  dims(value: string): readonly number[];
  add(
    op: string,
    inputs: readonly string[],
    attributes?: Attributes,
    options?: { outputs?: number; domain?: string },
  ): string;
  constant(tensor: Tensor): string;
  /** A further trained input. */
  input(dims: readonly number[]): string;
}

/** One step: goes on from `x`, `choice` decides between its variants. */
type Step = (growth: Growth, x: string, choice: number) => string | undefined;

const scalar = (growth: Growth, value: number): string => growth.constant(fromNumbers('float32', [value], []));
const axisOf = (growth: Growth, x: string, choice: number): number => choice % growth.dims(x).length;
const unary =
  (...ops: string[]): Step =>
  (growth, x, choice) =>
    growth.add(ops[choice % ops.length] as string, [x]);
/** x² + 1: where roots, logarithms and quotients are defined and tame. */
const safe = (growth: Growth, x: string): string => growth.add('Add', [growth.add('Mul', [x, x]), scalar(growth, 1)]);
/** An earlier value that broadcasts against x, or a new input. */
const partner = (growth: Growth, x: string, choice: number): string => {
  const [dims, fits] = [
    growth.dims(x),
    (other: readonly number[]): boolean =>
      other.length <= growth.dims(x).length &&
      other.every((size, i) => size === 1 || size === growth.dims(x)[growth.dims(x).length - other.length + i]),
  ];
  const earlier = growth.values.filter((value) => fits(growth.dims(value)));
  if (choice % 3 === 0) return growth.input(dims.map((size, axis) => ((choice >> axis) % 2 === 0 ? size : 1)));
  return choice % 3 === 1 ? growth.input(dims.slice(-1)) : (earlier[choice % earlier.length] as string);
};

/** Each kind of operator that stands between a trained tensor and a loss in the models of this project. */
const STEPS: Readonly<Record<string, Step>> = {
  smooth: unary('Tanh', 'Sigmoid', 'Softplus', 'Erf', 'Sin', 'Cos', 'Neg', 'Identity'),
  kinked: unary('Relu', 'Abs'),
  exp: (growth, x) => growth.add('Exp', [growth.add('Tanh', [x])]),
  root: (growth, x, choice) => growth.add(['Sqrt', 'Log', 'Reciprocal'][choice % 3] as string, [safe(growth, x)]),
  power: (growth, x, choice) =>
    growth.add('Pow', [safe(growth, x), scalar(growth, [0.5, 2, -1][choice % 3] as number)]),
  gelu: (growth, x, choice) => growth.add('Gelu', [x], { approximate: string(choice % 2 === 0 ? 'none' : 'tanh') }),
  clip: (growth, x) => growth.add('Clip', [x, scalar(growth, -0.4), scalar(growth, 0.6)]),
  binary: (growth, x, choice) => {
    const other = partner(growth, x, choice);
    const op = ['Add', 'Sub', 'Mul', 'Max', 'Min', 'Div'][choice % 6] as string;
    return growth.add(op, op === 'Div' ? [x, safe(growth, other)] : choice % 2 === 0 ? [x, other] : [other, x]);
  },
  sum: (growth, x, choice) => growth.add('Sum', [x, partner(growth, x, choice), x]),
  where: (growth, x, choice) =>
    growth.add('Where', [growth.add('Greater', [x, scalar(growth, 0.1)]), x, partner(growth, x, choice)]),
  reduce: (growth, x, choice) => {
    const op = ['ReduceSum', 'ReduceMean', 'ReduceLogSumExp', 'ReduceSumSquare', 'ReduceMax', 'ReduceMin'][
      choice % 6
    ] as string;
    return growth.dims(x).length < 2
      ? undefined
      : growth.add(op, [x, growth.constant(int64Tensor([axisOf(growth, x, choice)]))], { keepdims: int(choice % 2) });
  },
  norm: (growth, x, choice) => {
    const width = growth.dims(x).at(-1) as number;
    if (width < 2) return undefined;
    const epsilon = { axis: int(-1), epsilon: float(0.1) };
    return choice % 2 === 0
      ? growth.add('LayerNormalization', [x, growth.input([width]), growth.input([width])], epsilon)
      : growth.add('RMSNormalization', [x, growth.input([width])], epsilon);
  },
  softmax: (growth, x, choice) => growth.add(choice % 2 === 0 ? 'Softmax' : 'LogSoftmax', [x], { axis: int(-1) }),
  linear: (growth, x, choice) => {
    const [from, to] = [growth.dims(x).at(-1) as number, 1 + (choice % 4)];
    const weight = growth.input(choice % 2 === 0 ? [from, to] : [to, from]);
    return growth.dims(x).length < 2
      ? undefined
      : growth.add(
          'Linear',
          choice % 3 === 0 ? [x, weight] : [x, weight, growth.input([to])],
          { transB: int(choice % 2) },
          { domain: INTERNAL_DOMAIN },
        );
  },
  matmul: (growth, x, choice) => {
    const dims = growth.dims(x);
    const inner = dims.at(-1) as number;
    return dims.length < 2
      ? undefined
      : growth.add('MatMul', [
          x,
          growth.input([...(choice % 2 === 0 ? dims.slice(0, -2) : []), inner, 1 + (choice % 3)]),
        ]);
  },
  gemm: (growth, x, choice) => {
    const rows = growth.add('Flatten', [x], { axis: int(1) });
    const dims = growth.dims(rows);
    const [transA, transB] = [choice % 2, (choice >> 1) % 2];
    const [inner, to] = [dims[1 - transA] as number, 2];
    return growth.add('Gemm', [rows, growth.input(transB === 1 ? [to, inner] : [inner, to]), growth.input([to])], {
      transA: int(transA),
      transB: int(transB),
      alpha: float(0.5),
    });
  },
  attention: (growth, x, choice) => {
    const dims = growth.dims(x);
    if (dims.length !== 3) return undefined;
    const [b, s, d] = dims as [number, number, number];
    const byHead = growth.add('Reshape', [x, growth.constant(int64Tensor([b, 1, s, d]))]);
    const keys = choice % 2 === 0 ? byHead : growth.input([b, 1, 2, d]);
    const values = choice % 3 === 0 ? keys : growth.input([b, 1, growth.dims(keys)[2] as number, 2]);
    const bias = choice % 5 === 0 ? [growth.input([1, 1, 1, growth.dims(keys)[2] as number])] : [];
    const context = growth.add('Attention', [byHead, keys, values, ...bias], { scale: float(0.7) }, { outputs: 2 });
    return growth.add('Squeeze', [context, growth.constant(int64Tensor([1]))]);
  },
  reshape: (growth, x, choice) => {
    const dims = growth.dims(x);
    if (choice % 3 === 0)
      return growth.add('Unsqueeze', [x, growth.constant(int64Tensor([axisOf(growth, x, choice)]))]);
    return choice % 3 === 1
      ? growth.add('Flatten', [x], { axis: int(1) })
      : growth.add('Reshape', [x, growth.constant(int64Tensor([-1, dims[0] as number]))]);
  },
  transpose: (growth, x, choice) => {
    const axes = growth.dims(x).map((_, axis) => axis);
    return growth.add('Transpose', [x], {
      perm: ints([...axes.slice(choice % axes.length), ...axes.slice(0, choice % axes.length)].toReversed()),
    });
  },
  concat: (growth, x, choice) =>
    growth.add('Concat', [x, growth.add('Tanh', [x]), x], { axis: int(axisOf(growth, x, choice)) }),
  split: (growth, x, choice) => {
    const axis = axisOf(growth, x, choice);
    const length = growth.dims(x)[axis] as number;
    return length < 2
      ? undefined
      : growth.add('Split', [x, growth.constant(int64Tensor([1, length - 1]))], { axis: int(axis) }, { outputs: 2 });
  },
  slice: (growth, x, choice) => {
    const axis = axisOf(growth, x, choice);
    return growth.add('Slice', [x, ...[[-2], [2 ** 31], [axis]].map((values) => growth.constant(int64Tensor(values)))]);
  },
  pad: (growth, x, choice) =>
    growth.add(
      'Pad',
      [
        x,
        growth.constant(int64Tensor([choice % 2, 1])),
        scalar(growth, 0.3),
        growth.constant(int64Tensor([axisOf(growth, x, choice)])),
      ],
      { mode: string('constant') },
    ),
  tile: (growth, x, choice) =>
    growth.add('Tile', [x, growth.constant(int64Tensor(growth.dims(x).map((_, axis) => 1 + ((choice >> axis) % 2))))]),
  expand: (growth, x) => growth.add('Expand', [x, growth.constant(int64Tensor([2, ...growth.dims(x)]))]),
  gather: (growth, x, choice) => {
    const rows = growth.dims(x)[0] as number;
    return growth.add(
      'Gather',
      [x, growth.constant(choice % 2 === 0 ? int64Tensor([rows - 1, 0, rows - 1]) : fromNumbers('int64', [0], []))],
      { axis: int(0) },
    );
  },
  gatherElements: (growth, x, choice) => {
    const [dims, axis] = [growth.dims(x), axisOf(growth, x, choice)];
    const indices = Array.from({ length: elementCount(dims) }, (_, i) => (i * (choice + 1)) % (dims[axis] as number));
    return growth.add('GatherElements', [x, growth.constant(int64Tensor(indices, dims))], { axis: int(axis) });
  },
  cumsum: (growth, x, choice) =>
    growth.add('CumSum', [x, growth.constant(fromNumbers('int64', [axisOf(growth, x, choice)], []))], {
      reverse: int(choice % 2),
    }),
};

const NAMES = Object.keys(STEPS);
/** Larger graphs only take longer. */
const MAX_ELEMENTS = 200;

function grow(steps: readonly (readonly [kind: number, from: number, choice: number])[]): {
  graph: Graph;
  kinds: Set<string>;
} {
  const [nodes, tensors, known, values]: [Node[], Map<string, Tensor>, Map<string, Value>, string[]] = [
    [],
    new Map(),
    new Map(),
    [],
  ];
  const inputs: Graph['inputs'][number][] = [];
  const kinds = new Set<string>();
  const growth: Growth = {
    values,
    dims: (value) => (known.get(value) as Value).dims,
    add(op, from, attributes = {}, { outputs = 1, domain = '' } = {}) {
      const names = Array.from({ length: outputs }, (_, i) => `v${nodes.length}_${i}`);
      const node = makeNode(op, from, names, attributes, { domain });
      evaluateNode(
        node,
        from.map((name) => known.get(name)),
      ).forEach((value, i) => known.set(names[i] ?? '', value));
      nodes.push(node);
      return names[0] as string;
    },
    constant(tensor) {
      const name = `c${tensors.size}`;
      tensors.set(name, tensor);
      known.set(name, valueOfTensor(tensor));
      return name;
    },
    input(dims) {
      const name = `x${inputs.length}`;
      inputs.push({ name, dtype: 'float32', dims: [...dims] });
      known.set(name, { dtype: 'float32', dims: [...dims] });
      return name;
    },
  };
  values.push(growth.input([2, 3, 4]));
  for (const [kind, from, choice] of steps) {
    // Mostly from the newest value, so that graphs get deep.
    const x = values[from % 4 === 0 ? from % values.length : values.length - 1] as string;
    const name = NAMES[kind] as string;
    const result = growth.dims(x).length === 0 ? undefined : (STEPS[name] as Step)(growth, x, choice);
    if (result === undefined || elementCount(growth.dims(result)) > MAX_ELEMENTS) continue;
    kinds.add(name);
    values.push(result);
  }
  return {
    graph: {
      name: 'grown',
      opsets: new Map([['', 18]]),
      inputs,
      outputs: [{ name: values.at(-1) as string, dtype: 'float32', dims: [] }],
      nodes,
      tensors,
    },
    kinds,
  };
}

describe('graphs grown at random from the operators of models', () => {
  const steps = fc.array(fc.tuple(fc.nat(NAMES.length - 1), fc.nat(1000), fc.nat(1000)), {
    minLength: 1,
    maxLength: 9,
  });

  it('have the gradients that central differences find, as they are and lowered', () => {
    const seen = new Set<string>();
    let [compared, kinks] = [0, 0];
    fc.assert(
      fc.property(steps, fc.nat(1000), (plan, seed) => {
        const { graph, kinds } = grow(plan);
        const output = graph.outputs[0]?.name as string;
        const trained = graph.inputs
          .map(({ name }) => name)
          .filter((name) => reach(graph.nodes, new Set([name])).has(output) && name !== output);
        for (const through of [(each: Graph) => each, lower]) {
          const result = checkGradients(graph, trained, { seed, through });
          // Up to nine operators deep, third derivatives of some hundreds are possible: 1e-10 of them is the error of
          // the differences themselves. Lowering rounds √2 and the like to float32.
          expect(result.worst).toBeLessThan(1e-5);
          compared += result.compared;
          kinks += result.kinks;
        }
        kinds.forEach((kind) => seen.add(kind));
      }),
      { numRuns: 150 },
    );
    expect([...seen].toSorted()).toEqual(NAMES.toSorted());
    expect(kinks / compared).toBeLessThan(0.05);
  });
});
