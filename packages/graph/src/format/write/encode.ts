import { create, toBinary } from '@bufbuild/protobuf';
import { ConfigError, MismatchError, UnsupportedError } from '../../errors.js';
import { BYTES_PER_ELEMENT, type Tensor } from '../../tensors/tensor.js';
import {
  INTERNAL_DOMAIN,
  operatorName,
  type Attribute,
  type Graph,
  type Node,
  type ValueInfo,
} from '../../ir/graph.js';
import { quote } from '../../ir/quote.js';
import { dimsText, elementCount } from '../../tensors/elements.js';
import { DATA_TYPE_CODES } from '../read/data-types.js';
import {
  AttributeProto_AttributeType as Type,
  AttributeProtoSchema,
  GraphProtoSchema,
  NodeProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
  ValueInfoProtoSchema,
} from '../read/onnx_pb.js';
import { field } from './chunks.js';
import type { ExternalLocation, LocateTensor } from './location.js';

const { field: TENSOR } = TensorProtoSchema;
const { field: ATTRIBUTE } = AttributeProtoSchema;
const { field: NODE } = NodeProtoSchema;
const { field: GRAPH } = GraphProtoSchema;

/**
 * A GraphProto in chunks. Whatever may hold a tensor is put together from its fields by hand, so that the bytes of
 * tensors pass through as they are, at any depth; protobuf encodes the rest. `place` is asked about the initializers of
 * the outermost graph only.
 */
export function encodeGraph(graph: Graph, place?: LocateTensor): Uint8Array[] {
  const rest = create(GraphProtoSchema, {
    name: graph.name,
    input: graph.inputs.map(valueInfo),
    output: graph.outputs.map(valueInfo),
  });
  return [
    ...graph.nodes.flatMap((node) => field(GRAPH.node.number, encodeNode(node))),
    toBinary(GraphProtoSchema, rest),
    ...[...graph.tensors].flatMap(([name, tensor]) =>
      field(GRAPH.initializer.number, encodeTensor(name, tensor, place?.(name, tensor))),
    ),
  ];
}

function encodeNode(node: Node): Uint8Array[] {
  if (node.domain === INTERNAL_DOMAIN) {
    throw new UnsupportedError('An internal operator cannot be written', {
      code: 'ONNX_INTERNAL_OPERATOR',
      found: `${operatorName(node)} as node ${quote(node.name)}`,
      expected: 'standard operators',
      hint: 'Lower the graph first',
    });
  }
  const rest = create(NodeProtoSchema, {
    input: [...node.inputs],
    output: [...node.outputs],
    opType: node.op,
    ...(node.name === '' ? {} : { name: node.name }),
    ...(node.domain === '' ? {} : { domain: node.domain }),
  });
  const attributes = Object.entries(node.attributes).flatMap(([name, attribute]) => {
    const what = `Attribute ${quote(name)} of node ${quote(node.name)} (${operatorName(node)})`;
    return field(NODE.attribute.number, encodeAttribute(name, attribute, what));
  });
  return [toBinary(NodeProtoSchema, rest), ...attributes];
}

const utf8 = new TextEncoder();

function encodeAttribute(name: string, attribute: Attribute, what: string): Uint8Array[] {
  const binary = (init: Parameters<typeof create<typeof AttributeProtoSchema>>[1]): Uint8Array =>
    toBinary(AttributeProtoSchema, create(AttributeProtoSchema, { ...init, name }));
  switch (attribute.type) {
    case 'int':
      return [binary({ type: Type.INT, i: integer(attribute.value, what) })];
    case 'float':
      return [binary({ type: Type.FLOAT, f: float(attribute.value, what) })];
    case 'string':
      return [binary({ type: Type.STRING, s: utf8.encode(attribute.value) })];
    case 'ints':
      return [binary({ type: Type.INTS, ints: attribute.value.map((value) => integer(value, what)) })];
    case 'floats':
      return [binary({ type: Type.FLOATS, floats: attribute.value.map((value) => float(value, what)) })];
    case 'strings':
      return [binary({ type: Type.STRINGS, strings: attribute.value.map((value) => utf8.encode(value)) })];
    case 'tensor':
      return [
        binary({ type: Type.TENSOR }),
        ...field(ATTRIBUTE.t.number, encodeTensor('', attribute.value, undefined)),
      ];
    case 'graph':
      return [binary({ type: Type.GRAPH }), ...field(ATTRIBUTE.g.number, encodeGraph(attribute.value))];
  }
}

function encodeTensor(name: string, tensor: Tensor, placement: ExternalLocation | undefined): Uint8Array[] {
  const { dtype, dims } = tensor;
  if (dtype === 'string')
    throw new UnsupportedError(`Tensor ${quote(name)} cannot be written`, {
      code: 'ONNX_DATA_TYPE',
      found: 'strings',
      expected: 'numbers',
    });
  const expected = elementCount(dims) * BYTES_PER_ELEMENT[dtype];
  // Whoever places a tensor has its bytes; here they may be on disk, and are not read for nothing.
  const found = placement === undefined ? tensor.bytes.byteLength : placement.length;
  if (found !== expected) {
    throw new MismatchError(
      `Tensor ${quote(name)} does not ` +
        `${placement === undefined ? 'hold what its shape says' : `fit its place in ${quote(placement.location)}`}`,
      {
        code: 'TENSOR_SIZE',
        found: `${found} bytes`,
        expected: `${expected} for ${dtype} ${dimsText(dims)}`,
      },
    );
  }
  const head = create(TensorProtoSchema, {
    dims: dims.map(BigInt),
    dataType: DATA_TYPE_CODES[dtype],
    ...(name === '' ? {} : { name }),
  });
  if (placement === undefined)
    return [toBinary(TensorProtoSchema, head), ...field(TENSOR.rawData.number, [tensor.bytes])];
  const { location, offset, length } = placement;
  head.dataLocation = TensorProto_DataLocation.EXTERNAL;
  const entries = Object.entries({ location, offset: String(offset), length: String(length) }).map(([key, value]) => ({
    key,
    value,
  }));
  const external = create(TensorProtoSchema, { externalData: entries });
  return [toBinary(TensorProtoSchema, head), toBinary(TensorProtoSchema, external)];
}

function valueInfo({ name, dtype, dims, unknown }: ValueInfo): ReturnType<typeof create<typeof ValueInfoProtoSchema>> {
  if (unknown === 'type') return create(ValueInfoProtoSchema, { name });
  const dim = dims.map((size) => {
    if (typeof size === 'number')
      return { value: { case: 'dimValue' as const, value: integer(size, `Value ${quote(name)}`) } };
    return size === '' ? {} : { value: { case: 'dimParam' as const, value: size } };
  });
  const elemType = DATA_TYPE_CODES[dtype];
  const tensor = unknown === 'shape' ? { elemType } : { elemType, shape: { dim } };
  return create(ValueInfoProtoSchema, { name, type: { value: { case: 'tensorType', value: tensor } } });
}

function integer(value: number, what: string): bigint {
  if (Number.isInteger(value) && Math.abs(value) <= 2 ** 53) return BigInt(value);
  throw new ConfigError(`${what} cannot be written`, {
    code: 'ONNX_NUMBER',
    found: String(value),
    expected: 'an integer within ±2^53',
  });
}

/** Attributes are float32; what only overflows there must not become infinity unnoticed. */
function float(value: number, what: string): number {
  const rounded = Math.fround(value);
  if (Number.isFinite(rounded) || !Number.isFinite(value)) return rounded;
  throw new ConfigError(`${what} cannot be written`, {
    code: 'ONNX_NUMBER',
    found: String(value),
    expected: 'a number within the range of float32',
  });
}
