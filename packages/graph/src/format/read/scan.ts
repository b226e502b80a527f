import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { ScalarType } from '@bufbuild/protobuf';
import { FormatError, UnsupportedError } from '../../errors.js';
import { GraphProtoSchema, ModelProtoSchema, NodeProtoSchema } from './onnx_pb.js';
import { recognize } from './recognize.js';

/** Bounds on what a model file may make the reader do. */
export interface ReadLimits {
  /** Nodes in all graphs together. */
  readonly maxNodes: number;
  /** Graphs within graphs; 1 is a model without subgraphs. */
  readonly maxDepth: number;
  /** Memory that everything but raw weights may take once decoded, in bytes, by estimate. */
  readonly maxMemory: number;
}

/** A protobuf message, and so an ONNX file, ends at 2 GiB; larger models keep their weights outside. */
export const MAX_FILE_BYTES = 2 ** 31 - 1;

/**
 * Messages within messages that a file with these limits can have: node, attribute and graph for every level, and some
 * more for types.
 */
export function messageDepth({ maxDepth }: ReadLimits): number {
  return 3 * maxDepth + 24;
}

/**
 * Walks the wire format of a ModelProto once, building nothing, so that a truncated file, endless nesting or a few
 * megabytes that decode to gigabytes are refused before anything is allocated. Weights are stepped over. The decoder
 * may rely on every length and wire type after this.
 *
 * @throws FormatError `ONNX_EMPTY`, `ONNX_NOT_A_MODEL`, `ONNX_TRUNCATED`, `ONNX_MALFORMED`; UnsupportedError
 *   `ONNX_LIMIT`.
 */
export function scanModel(bytes: Uint8Array, limits: ReadLimits): void {
  if (bytes.length === 0)
    throw new FormatError('The ONNX file is empty', {
      code: 'ONNX_EMPTY',
      found: '0 bytes',
      expected: 'an ONNX model',
    });
  if (bytes.length > MAX_FILE_BYTES) {
    throw new FormatError('The ONNX file is too large', {
      code: 'ONNX_TOO_LARGE',
      found: `${bytes.length} bytes`,
      expected: 'at most 2 GiB',
      hint: 'Larger models keep their weights in external data',
    });
  }
  const scan: Scan = { bytes, position: 0, limits, maxMessages: messageDepth(limits), nodes: 0, memory: 0 };
  scanMessage(scan, planOf(ModelProtoSchema), bytes.length, 1, 0);
}

interface Scan {
  readonly bytes: Uint8Array;
  position: number;
  readonly limits: ReadLimits;
  readonly maxMessages: number;
  nodes: number;
  memory: number;
}

function scanMessage(scan: Scan, plan: Plan, end: number, depth: number, graphs: number): void {
  const { limits } = scan;
  if (plan.desc === NodeProtoSchema && ++scan.nodes > limits.maxNodes)
    throw limit('nodes', `more than ${limits.maxNodes}`, 'maxNodes');
  if (plan.desc === GraphProtoSchema) graphs++;
  if (graphs > limits.maxDepth || depth > scan.maxMessages)
    throw limit('nested graphs', `more than ${limits.maxDepth} levels`, 'maxDepth');
  spend(scan, plan.memory);

  while (scan.position < end) {
    const start = scan.position;
    const tag = varint(scan, end, 5);
    const field = plan.fields.get(Math.floor(tag / 8));
    const wire = tag % 8;
    if (tag < 8 || tag > 0xffff_ffff) throw malformed(scan, `no field number at byte ${start}`);
    if (field !== undefined && wire !== field.wire && !(field.packed && wire === LENGTH)) {
      throw malformed(scan, `wire type ${wire} for ${plan.desc.name}.${field.name} at byte ${start}`);
    }
    if (wire === LENGTH) {
      const length = varint(scan, end, 5);
      const stop = scan.position + length;
      if (stop > end)
        throw depth === 1
          ? truncated(scan, stop)
          : malformed(scan, `${length} bytes of ${plan.desc.name} beyond its end at byte ${start}`);
      if (field?.message !== undefined) scanMessage(scan, planOf(field.message), stop, depth + 1, graphs);
      else if (field !== undefined) payload(scan, field, length, stop);
      scan.position = stop;
      continue;
    }
    if (wire === VARINT) varint(scan, end, 10);
    else if (wire === FIXED64) scan.position += 8;
    else if (wire === FIXED32) scan.position += 4;
    // Groups (3 and 4) are in no version of ONNX.
    else throw malformed(scan, `wire type ${wire} at byte ${start}`);
    if (scan.position > end)
      throw depth === 1
        ? truncated(scan, scan.position)
        : malformed(scan, `a field beyond the end of its message at byte ${start}`);
    if (field !== undefined) spend(scan, SCALAR_MEMORY);
  }
}

/**
 * A string, bytes or a packed list: lists must end where their last element ends, else the decoder would read on behind
 * them.
 */
function payload(scan: Scan, field: Field, length: number, stop: number): void {
  spend(scan, SCALAR_MEMORY + length * field.memoryPerByte);
  if (!field.packed || length === 0) return;
  const whole =
    field.wire === VARINT
      ? ((scan.bytes[stop - 1] ?? 0) & 0x80) === 0
      : length % (field.wire === FIXED32 ? 4 : 8) === 0;
  if (!whole) throw malformed(scan, `a list ${field.name} that ends within an element at byte ${stop}`);
}

/** An unsigned varint of at most `longest` bytes; exact up to 2⁵³, which covers every tag and length. */
function varint(scan: Scan, end: number, longest: number): number {
  let value = 0;
  let scale = 1;
  for (let i = 0; i < longest; i++) {
    if (scan.position >= end) {
      throw end === scan.bytes.length
        ? truncated(scan, end + 1)
        : malformed(scan, `a number beyond the end of its message at byte ${end}`);
    }
    const byte = scan.bytes[scan.position++] ?? 0;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) return value;
    scale *= 128;
  }
  throw malformed(scan, `a number of more than ${longest} bytes at byte ${scan.position}`);
}

function spend(scan: Scan, memory: number): void {
  scan.memory += memory;
  if (scan.memory > scan.limits.maxMemory) {
    throw limit('memory for its description', `more than ${scan.limits.maxMemory} bytes`, 'maxMemory');
  }
}

const VARINT = 0;
const FIXED64 = 1;
const LENGTH = 2;
const FIXED32 = 5;
/** A value with its place in a list or object, a generous guess. */
const SCALAR_MEMORY = 40;

/** What the scan needs to know of a message type. */
interface Plan {
  readonly desc: DescMessage;
  readonly fields: ReadonlyMap<number, Field>;
  /** Bytes that an empty decoded message takes: the object with its properties, and an array for each list. */
  readonly memory: number;
}

interface Field {
  readonly name: string;
  readonly wire: number;
  readonly message: DescMessage | undefined;
  readonly packed: boolean;
  readonly memoryPerByte: number;
}

const plans = new WeakMap<DescMessage, Plan>();

function planOf(desc: DescMessage): Plan {
  const known = plans.get(desc);
  if (known !== undefined) return known;
  const lists = desc.fields.filter((field) => field.fieldKind === 'list').length;
  const plan: Plan = {
    desc,
    fields: new Map(desc.fields.map((field) => [field.number, planField(field)])),
    memory: 128 + 8 * desc.fields.length + 32 * lists,
  };
  plans.set(desc, plan);
  return plan;
}

function planField(field: DescField): Field {
  const { name } = field;
  if (field.message !== undefined)
    return { name, wire: LENGTH, message: field.message, packed: false, memoryPerByte: 0 };
  const list = field.fieldKind === 'list';
  switch (field.scalar) {
    case ScalarType.BYTES:
      return { name, wire: LENGTH, message: undefined, packed: false, memoryPerByte: 0 };
    case ScalarType.STRING:
      return { name, wire: LENGTH, message: undefined, packed: false, memoryPerByte: 2 };
    case ScalarType.FLOAT:
      return { name, wire: FIXED32, message: undefined, packed: list, memoryPerByte: 3 };
    case ScalarType.DOUBLE:
      return { name, wire: FIXED64, message: undefined, packed: list, memoryPerByte: 1.5 };
    case ScalarType.INT64:
    case ScalarType.UINT64:
      return { name, wire: VARINT, message: undefined, packed: list, memoryPerByte: SCALAR_MEMORY };
    default:
      return { name, wire: VARINT, message: undefined, packed: list, memoryPerByte: 12 };
  }
}

/**
 * The error for bytes that are no ONNX model, or a damaged one; says what they look like instead where that can be
 * told.
 */
export function malformedModel(bytes: Uint8Array, found: string, cause?: unknown): FormatError {
  const looks = recognize(bytes);
  if (looks !== undefined)
    return new FormatError('The file is not an ONNX model', {
      code: 'ONNX_NOT_A_MODEL',
      found: looks,
      expected: 'an ONNX model',
      cause,
    });
  return new FormatError('The file is not an ONNX model, or is damaged', {
    code: 'ONNX_MALFORMED',
    found,
    expected: 'a protobuf ModelProto',
    cause,
  });
}

function malformed(scan: Scan, found: string): FormatError {
  return malformedModel(scan.bytes, found);
}

function truncated(scan: Scan, needed: number): FormatError {
  if (recognize(scan.bytes) !== undefined) return malformedModel(scan.bytes, 'another format');
  return new FormatError('The ONNX file is cut off', {
    code: 'ONNX_TRUNCATED',
    found: `${scan.bytes.length} bytes`,
    expected: `at least ${needed}`,
    hint: 'Download it again',
  });
}

function limit(what: string, found: string, option: string): UnsupportedError {
  return new UnsupportedError(`The ONNX model exceeds the limit on ${what}`, {
    code: 'ONNX_LIMIT',
    found,
    hint: `If the file is trusted, raise ${option}`,
  });
}
