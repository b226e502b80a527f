import { isFieldSet } from '@bufbuild/protobuf';
import { FormatError, UnsupportedError } from '../../errors.js';
import { operatorName, type Attribute, type Graph, type Node } from '../../ir/graph.js';
import type { Tensor } from '../../tensors/tensor.js';
import { quote } from '../../ir/quote.js';
import {
  AttributeProto_AttributeType as Type,
  AttributeProtoSchema,
  type AttributeProto,
  type GraphProto,
  type NodeProto,
  type TensorProto,
} from './onnx_pb.js';

/** How the values inside attributes are read; `what` names them in messages. */
export interface AttributeReaders {
  readonly tensor: (proto: TensorProto, what: string) => Tensor;
  readonly graph: (proto: GraphProto) => Graph;
}

/**
 * One operation.
 *
 * @throws FormatError `ONNX_NODE` without an operator, `ONNX_ATTRIBUTE` for a nameless, twofold or empty attribute;
 *   UnsupportedError `ONNX_ATTRIBUTE_TYPE` for kinds of attribute without a place here.
 */
export function readNode(proto: NodeProto, readers: AttributeReaders): Node {
  const node = { op: proto.opType, domain: standardDomain(proto.domain), name: proto.name };
  const label = `node ${quote(proto.name || (proto.output[0] ?? ''))} (${quote(operatorName(node)).slice(1, -1)})`;
  if (node.op === '')
    throw new FormatError(`The ${label} has no operator`, { code: 'ONNX_NODE', expected: 'an op_type' });
  const attributes = new Map<string, Attribute>();
  for (const attribute of proto.attribute) {
    const what = `Attribute ${quote(attribute.name)} of ${label}`;
    if (attribute.name === '' || attributes.has(attribute.name)) {
      throw new FormatError(`${what} ${attribute.name === '' ? 'has no name' : 'is there twice'}`, {
        code: 'ONNX_ATTRIBUTE',
        expected: 'different names',
      });
    }
    attributes.set(attribute.name, readAttribute(attribute, what, readers));
  }
  return { ...node, inputs: proto.input, outputs: proto.output, attributes: Object.fromEntries(attributes) };
}

/** `ai.onnx` is another way to write the standard domain. */
export function standardDomain(domain: string): string {
  return domain === 'ai.onnx' ? '' : domain;
}

function readAttribute(proto: AttributeProto, what: string, readers: AttributeReaders): Attribute {
  if (proto.refAttrName !== '') throw unsupported(what, 'a reference to an attribute of a function');
  const type = proto.type === Type.UNDEFINED ? guessType(proto) : proto.type;
  switch (type) {
    case Type.FLOAT:
      return { type: 'float', value: proto.f };
    case Type.INT:
      return { type: 'int', value: toNumber(proto.i) };
    case Type.STRING:
      return { type: 'string', value: text(proto.s, what) };
    case Type.FLOATS:
      return { type: 'floats', value: proto.floats };
    case Type.INTS:
      return { type: 'ints', value: proto.ints.map(toNumber) };
    case Type.STRINGS:
      return { type: 'strings', value: proto.strings.map((bytes) => text(bytes, what)) };
    case Type.TENSOR:
      if (proto.t === undefined) throw empty(what, 'tensor');
      return { type: 'tensor', value: readers.tensor(proto.t, what) };
    case Type.GRAPH:
      if (proto.g === undefined) throw empty(what, 'graph');
      return { type: 'graph', value: readers.graph(proto.g) };
    case undefined:
      throw empty(what, 'value');
    default:
      throw unsupported(what, `type ${Type[type]}`);
  }
}

/** Before IR version 2 the type was not written, so the field that is there tells it. */
function guessType(proto: AttributeProto): Type | undefined {
  const { field } = AttributeProtoSchema;
  if (isFieldSet(proto, field.f)) return Type.FLOAT;
  if (isFieldSet(proto, field.i)) return Type.INT;
  if (isFieldSet(proto, field.s)) return Type.STRING;
  if (proto.t !== undefined) return Type.TENSOR;
  if (proto.g !== undefined) return Type.GRAPH;
  if (proto.floats.length > 0) return Type.FLOATS;
  if (proto.ints.length > 0) return Type.INTS;
  if (proto.strings.length > 0) return Type.STRINGS;
  return undefined;
}

/** See the remark on `Attribute`: clamped to ±2⁵³. */
function toNumber(value: bigint): number {
  return Math.max(-(2 ** 53), Math.min(2 ** 53, Number(value)));
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function text(bytes: Uint8Array, what: string): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    throw new UnsupportedError(`${what} is not text`, {
      code: 'ONNX_ATTRIBUTE_TYPE',
      found: `${bytes.length} other bytes`,
      expected: 'UTF-8',
      cause,
    });
  }
}

function empty(what: string, expected: string): FormatError {
  return new FormatError(`${what} is empty`, { code: 'ONNX_ATTRIBUTE', expected: `a ${expected}` });
}

function unsupported(what: string, found: string): UnsupportedError {
  return new UnsupportedError(`${what} is of a kind that is not supported`, {
    code: 'ONNX_ATTRIBUTE_TYPE',
    found,
    expected: 'integers, floats, strings, a tensor or a graph',
  });
}
