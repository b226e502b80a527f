import {
  evaluate,
  elementCount,
  fromNumbers,
  writeModel,
  concatChunks,
  type Attributes,
  type DataType,
  type Graph,
  type Tensor,
  type Value,
} from '@hadamard-adapter/graph/internal';
import { InferenceSession, type Tensor as OrtTensor } from 'onnxruntime-node';

/** One operand: its type, shape and elements. */
export interface Operand {
  readonly dtype: DataType;
  readonly dims: readonly number[];
  readonly data: readonly number[];
}

/** One node to try. An operand that is undefined is an optional input left out. */
export interface OneNode {
  readonly op: string;
  readonly what: string;
  readonly inputs: readonly (Operand | undefined)[];
  readonly attributes?: Attributes;
  readonly outputs?: number;
  /** Default 18. */
  readonly opset?: number;
}

/** Varied, repeatable numbers between -2 and 2, none of them 0. */
export function floats(...dims: number[]): Operand {
  return {
    dtype: 'float32',
    dims,
    data: Array.from({ length: elementCount(dims) }, (_, i) => Math.fround(2 * Math.sin(1.7 * i + 0.6 + dims.length))),
  };
}

/** The same without a sign. */
export const positive = (...dims: number[]): Operand => ({
  ...floats(...dims),
  data: floats(...dims).data.map((value) => Math.abs(value) + 0.1),
});

export const integers = (data: readonly number[], dims: readonly number[] = [data.length]): Operand => ({
  dtype: 'int64',
  dims,
  data,
});

export const scalar = (dtype: DataType, value: number): Operand => ({ dtype, dims: [], data: [value] });

export const booleans = (data: readonly number[], dims: readonly number[] = [data.length]): Operand => ({
  dtype: 'bool',
  dims,
  data,
});

/** What a node answers, by output. */
export type Answers = readonly {
  readonly dtype: string;
  readonly dims: readonly number[];
  readonly data: readonly number[];
}[];

/** The node in a graph of its own; operands are constants, as shapes and axes must be. */
function graphOf({ op, inputs, attributes = {}, outputs = 1, opset = 18 }: OneNode): Graph {
  const tensors = new Map<string, Tensor>();
  const names = inputs.map((operand, i) => {
    if (operand === undefined) return '';
    tensors.set(`in${i}`, fromNumbers(operand.dtype, operand.data, operand.dims));
    return `in${i}`;
  });
  const results = Array.from({ length: outputs }, (_, i) => `out${i}`);
  const node = { op, domain: '', name: op, inputs: names, outputs: results, attributes };
  const graph: Graph = { name: 'one', opsets: new Map([['', opset]]), inputs: [], outputs: [], nodes: [node], tensors };
  // ONNX wants the type of an output; what evaluation says of it is checked by ONNX Runtime when the model is loaded.
  const values = evaluate(graph, {}, { maxElements: Number.POSITIVE_INFINITY });
  return {
    ...graph,
    outputs: results.map((name) => ({
      name,
      dtype: (values.get(name) as Value).dtype,
      dims: (values.get(name) as Value).dims,
    })),
  };
}

/** The answers of the float64 interpreter. */
export function interpreted(one: OneNode): Answers {
  const graph = graphOf(one);
  const values = evaluate(graph, {}, { maxElements: Number.POSITIVE_INFINITY });
  return graph.outputs.map(({ name }) => {
    const { dtype, dims, data } = values.get(name) as Value;
    return { dtype, dims, data: Array.from(data ?? []) };
  });
}

/** The answers of ONNX Runtime. */
export async function executed(one: OneNode): Promise<Answers> {
  const graph = graphOf(one);
  const session = await InferenceSession.create(concatChunks(writeModel(graph)), {
    graphOptimizationLevel: 'disabled',
    logSeverityLevel: 4,
  });
  const results = await session.run({});
  await session.release();
  return graph.outputs.map(({ name }) => {
    const { type, dims, data } = results[name] as OrtTensor;
    return { dtype: type, dims, data: Array.from(data as Iterable<number | bigint>, Number) };
  });
}
