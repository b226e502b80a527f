import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { float32Tensor, float, int, ints, string, type Attributes, type Graph, type Node } from '../../src/internal.js';
import {
  ModelProtoSchema,
  TensorProto_DataType,
  type GraphProto,
  type GraphProtoSchema,
  type ModelProto,
  type TensorProto,
  type TensorProtoSchema,
} from '../../src/format/read/onnx_pb.js';

export type ModelInit = Exclude<MessageInitShape<typeof ModelProtoSchema>, ModelProto>;
export type TensorInit = Exclude<MessageInitShape<typeof TensorProtoSchema>, TensorProto>;
export type GraphInit = Exclude<MessageInitShape<typeof GraphProtoSchema>, GraphProto>;

/** A value of float32 with these dimensions, as protobuf init. */
export const value = (name: string, ...dims: (number | string)[]) => ({
  name,
  type: {
    value: {
      case: 'tensorType' as const,
      value: {
        elemType: TensorProto_DataType.FLOAT,
        shape: {
          dim: dims.map((dim) =>
            typeof dim === 'number'
              ? { value: { case: 'dimValue' as const, value: BigInt(dim) } }
              : { value: { case: 'dimParam' as const, value: dim } },
          ),
        },
      },
    },
  },
});

/** The tensor `w`: [1, 2] in raw_data. */
export const weight: TensorInit = {
  name: 'w',
  dims: [2n],
  dataType: TensorProto_DataType.FLOAT,
  rawData: new Uint8Array(Float32Array.of(1, 2).buffer),
};

/** A model file: by default y = x * w at opset 17, with `graph` and `model` changed as given. */
export function modelBytes(graph: Partial<GraphInit> = {}, model: Partial<ModelInit> = {}): Uint8Array {
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: 8n,
      opsetImport: [{ domain: '', version: 17n }],
      graph: {
        name: 'g',
        node: [{ opType: 'Mul', input: ['x', 'w'], output: ['y'], name: 'mul' }],
        input: [value('x', 'batch', 2)],
        output: [value('y', 'batch', 2)],
        initializer: [weight],
        ...graph,
      },
      ...model,
    }),
  );
}

/** A node, tersely. */
export const node = (op: string, inputs: string[], outputs: string[], attributes: Attributes = {}): Node => ({
  op,
  domain: '',
  name: `${op}_${outputs.join('_')}`,
  inputs,
  outputs,
  attributes,
});

/** A graph from `x` to `y` over these nodes, with a tensor `w`. */
export const graphOf = (nodes: Node[], changes: Partial<Graph> = {}): Graph => ({
  name: 'g',
  opsets: new Map([['', 17]]),
  inputs: [{ name: 'x', dtype: 'float32', dims: ['batch', 2] }],
  outputs: [{ name: 'y', dtype: 'float32', dims: ['batch', 2] }],
  nodes,
  tensors: new Map([['w', float32Tensor([1, 2])]]),
  ...changes,
});

/** A branch of `If`: no inputs, one output, which may be a value of the graph around it. */
export const branch = (name: string, nodes: Node[], output: string, opsets = new Map([['', 17]])): Graph => ({
  name,
  opsets,
  inputs: [],
  outputs: [{ name: output, dtype: 'float32', dims: [], unknown: 'shape' }],
  nodes,
  tensors: new Map(),
});

/** A graph with every kind of attribute, a subgraph that captures, several opsets and symbolic dimensions. */
export function richGraph(): Graph {
  const opsets = new Map([
    ['', 17],
    ['com.example', 1],
  ]);
  const body = branch('then', [node('Mul', ['h', 'w'], ['t'])], 't', opsets);
  const other = {
    ...branch('else', [], 'h', opsets),
    outputs: [{ name: 'h', dtype: 'float32' as const, dims: [], unknown: 'type' as const }],
  };
  return graphOf(
    [
      node('Relu', ['x'], ['h']),
      node('If', ['c'], ['i'], {
        then_branch: { type: 'graph', value: body },
        else_branch: { type: 'graph', value: other },
      }),
      {
        ...node('Odd', ['i', '', 'w'], ['y', ''], {
          a: int(-3),
          b: float(Math.fround(0.1)),
          c: ints([0, 2 ** 53, -(2 ** 53)]),
          d: string('ä𝄞\ufeff'),
          e: { type: 'floats', value: [1, Infinity] },
          f: { type: 'strings', value: ['', 'x'] },
          g: { type: 'tensor', value: float32Tensor([1, 2, 3, 4], [2, 2]) },
          h: ints([]),
        }),
        domain: 'com.example',
      },
    ],
    {
      opsets,
      inputs: [
        { name: 'x', dtype: 'float32', dims: ['batch', '', 2] },
        { name: 'c', dtype: 'bool', dims: [] },
      ],
      outputs: [{ name: 'y', dtype: 'float16', dims: [], unknown: 'shape' }],
    },
  );
}
