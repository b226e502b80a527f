import { isFieldSet } from '@bufbuild/protobuf';
import { FormatError, UnsupportedError } from '../../errors.js';
import { BYTES_PER_ELEMENT, type DataType, type Tensor } from '../../tensors/tensor.js';
import { dimsText, elementCount } from '../../tensors/elements.js';
import { dataTypeName, dataTypeOf } from './data-types.js';
import { externalBytes, type ExternalData } from './external.js';
import { TensorProto_DataLocation, TensorProtoSchema, type TensorProto } from './onnx_pb.js';

/** ONNX sets no limit; no operator here goes beyond a handful. */
const MAX_RANK = 64;

/**
 * A tensor whose bytes are a view into the model or its external file; only those in a typed field (`float_data` …) are
 * made anew. `what` begins messages: `Initializer "w"`.
 *
 * @throws FormatError `ONNX_TENSOR_DIMS`, `ONNX_TENSOR_SIZE` when data and shape differ, or see `externalBytes`;
 *   UnsupportedError `ONNX_DATA_TYPE` for element types without a place here, strings among them.
 */
export function readTensor(proto: TensorProto, what: string, files: ExternalData): Tensor {
  const dtype = dataTypeOf(proto.dataType);
  if (dtype === undefined || dtype === 'string') {
    throw new UnsupportedError(`${what} has an element type that is not supported`, {
      code: 'ONNX_DATA_TYPE',
      found: dataTypeName(proto.dataType),
      expected: 'floats of 16 bits or more, integers of 8 bits or more, or bool',
    });
  }
  if (isFieldSet(proto, TensorProtoSchema.field.segment)) {
    throw new UnsupportedError(`${what} is stored in segments`, { code: 'ONNX_SEGMENTS', expected: 'a whole tensor' });
  }
  const dims = readDims(proto, what);
  const count = elementCount(dims);
  const expected = count * BYTES_PER_ELEMENT[dtype];
  return { dtype, dims, bytes: data(proto, what, dtype, count, expected, dims, files) };
}

function data(
  proto: TensorProto,
  what: string,
  dtype: Exclude<DataType, 'string'>,
  count: number,
  expected: number,
  dims: readonly number[],
  files: ExternalData,
): Uint8Array {
  if (proto.dataLocation === TensorProto_DataLocation.EXTERNAL) return externalBytes(proto, what, expected, files);
  // An empty raw_data beside a typed field is what some writers leave behind.
  const field = typedField(proto, dtype);
  const raw = proto.rawData.length > 0 || field.length === 0;
  const found = raw ? proto.rawData.length : field.length;
  if (found !== (raw ? expected : count)) {
    throw new FormatError(`${what} does not hold what its shape says`, {
      code: 'ONNX_TENSOR_SIZE',
      found: raw ? `${found} bytes` : `${found} elements`,
      expected: `${raw ? `${expected} bytes` : `${count} elements`} for ${dtype} ${dimsText(dims)}`,
    });
  }
  return raw ? proto.rawData : typedBytes(proto, dtype);
}

function readDims(proto: TensorProto, what: string): number[] {
  const dims = proto.dims.map(Number);
  const bad = dims.find((dim) => dim < 0 || !Number.isSafeInteger(dim));
  const found =
    bad !== undefined
      ? `a dimension ${bad}`
      : dims.length > MAX_RANK
        ? `${dims.length} dimensions`
        : countable(dims)
          ? undefined
          : dimsText(dims);
  if (found === undefined) return dims;
  throw new FormatError(`${what} has an impossible shape`, {
    code: 'ONNX_TENSOR_DIMS',
    found,
    expected: `at most ${MAX_RANK} dimensions, none negative, and less than 2^53 bytes`,
  });
}

/** Whether the tensor would have fewer than 2⁵³ bytes even at the eight bytes of the widest type. */
function countable(dims: readonly number[]): boolean {
  return dims.includes(0) || dims.reduce((product, dim) => product * dim, 8) < 2 ** 53;
}

function typedField(proto: TensorProto, dtype: DataType): readonly (number | bigint)[] {
  switch (dtype) {
    case 'float32':
      return proto.floatData;
    case 'float64':
      return proto.doubleData;
    case 'int64':
      return proto.int64Data;
    case 'uint32':
    case 'uint64':
      return proto.uint64Data;
    default:
      // Small integers one by one, halves as their bits: see the comment on int32_data in onnx.proto.
      return proto.int32Data;
  }
}

/** Little-endian bytes of a typed field; the platform's own order, which is that everywhere JavaScript runs. */
function typedBytes(proto: TensorProto, dtype: Exclude<DataType, 'string'>): Uint8Array {
  const { floatData, doubleData, int32Data, int64Data, uint64Data } = proto;
  switch (dtype) {
    case 'float32':
      return bytesOf(Float32Array.from(floatData));
    case 'float64':
      return bytesOf(Float64Array.from(doubleData));
    case 'int64':
      return bytesOf(BigInt64Array.from(int64Data));
    case 'uint64':
      return bytesOf(BigUint64Array.from(uint64Data));
    case 'uint32':
      return bytesOf(Uint32Array.from(uint64Data, Number));
    case 'int32':
      return bytesOf(Int32Array.from(int32Data));
    case 'int16':
    case 'uint16':
    case 'float16':
    case 'bfloat16':
      return bytesOf(Uint16Array.from(int32Data));
    case 'bool':
      return Uint8Array.from(int32Data, (value) => (value === 0 ? 0 : 1));
    case 'int8':
    case 'uint8':
      return Uint8Array.from(int32Data);
  }
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
