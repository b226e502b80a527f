import { FormatError, MismatchError, UnsupportedError } from '../errors.js';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from './float16.js';
import { BYTES_PER_ELEMENT, type DataType, type Tensor } from './tensor.js';

type Values = ArrayLike<number>;
type NumericType = Exclude<DataType, 'string'>;

/** Int64 values are clamped to this: beyond it numbers are not exact, and they only occur as "to the end". */
const INT64_CLAMP = 2 ** 53;

/**
 * Number of elements of a tensor with these dimensions; 1 for a scalar.
 *
 * @throws FormatError `TENSOR_DIMS` when one is negative or no integer, or when there are 2⁵³ elements or more.
 */
export function elementCount(dims: readonly number[]): number {
  let count = 1;
  let empty = false;
  for (const dim of dims) {
    if (!Number.isSafeInteger(dim) || dim < 0) {
      throw new FormatError('A tensor dimension is out of range', {
        code: 'TENSOR_DIMS',
        found: String(dim),
        expected: 'an integer from 0 to 2^53',
      });
    }
    if (dim === 0) empty = true;
    else count *= dim;
  }
  if (empty) return 0;
  // A product of numbers ≥ 1 never shrinks, so rounding or overflow on the way cannot bring it back below the limit.
  if (count > Number.MAX_SAFE_INTEGER) {
    throw new FormatError('A tensor has too many elements', {
      code: 'TENSOR_DIMS',
      found: `dimensions ${dimsText(dims)}`,
      expected: 'below 2^53 elements',
    });
  }
  return count;
}

/**
 * Elements as numbers, row-major, whatever the type: bool as 0 and 1, 64-bit integers clamped to ±2⁵³.
 *
 * @throws UnsupportedError `TENSOR_STRING` for strings.
 */
export function toNumbers({ dtype, bytes }: Tensor): Float64Array {
  switch (dtype) {
    case 'float16':
      return Float64Array.from(typed(Uint16Array, bytes), fromFloat16);
    case 'bfloat16':
      return Float64Array.from(typed(Uint16Array, bytes), fromBfloat16);
    case 'bool':
      return Float64Array.from(bytes, (byte) => (byte === 0 ? 0 : 1));
    case 'int64':
      return clampBig(typed(BigInt64Array, bytes));
    case 'uint64':
      return clampBig(typed(BigUint64Array, bytes));
    case 'string':
      throw noNumbers();
    default:
      return Float64Array.from(typed<NumberArray>(ARRAYS[dtype], bytes));
  }
}

/**
 * Elements as float32, row-major. For a float32 tensor whose bytes lie on a multiple of four this is a view into them,
 * not a copy: do not write into it.
 *
 * @throws UnsupportedError `TENSOR_STRING` for strings.
 */
export function toFloat32(tensor: Tensor): Float32Array {
  if (tensor.dtype === 'float32') return typed(Float32Array, tensor.bytes);
  return tensor.dtype === 'float16' ? widened(typed(Uint16Array, tensor.bytes)) : Float32Array.from(toNumbers(tensor));
}

let float16Values: Float32Array | undefined;

/** By table: a model has a hundred million numbers of only 65,536 kinds. */
function widened(bits: Uint16Array): Float32Array {
  float16Values ??= Float32Array.from({ length: 2 ** 16 }, (_, pattern) => fromFloat16(pattern));
  const values = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) values[i] = float16Values[bits[i] as number] as number;
  return values;
}

/**
 * A tensor of any numeric type. Values convert as in typed arrays (fractions cut off, small integers wrap, NaN is 0),
 * except that 64-bit integers saturate, halves round to nearest even and bool is "not zero".
 *
 * @throws MismatchError `TENSOR_SIZE` when there are not as many values as `dims` say; UnsupportedError for strings.
 */
export function fromNumbers(dtype: DataType, values: Values, dims: readonly number[]): Tensor {
  const count = elementCount(dims);
  if (values.length !== count) {
    throw new MismatchError('Values do not fill the tensor', {
      code: 'TENSOR_SIZE',
      found: `${values.length} values`,
      expected: `${count} for dimensions ${dimsText(dims)}`,
    });
  }
  return { dtype, dims: [...dims], bytes: bytesOf(encode(dtype, values)) };
}

/** A float32 tensor; a copy of `values`, see {@link fromNumbers}. */
export function float32Tensor(values: Values, dims: readonly number[] = [values.length]): Tensor {
  return fromNumbers('float32', values, dims);
}

/** An int64 tensor, by default a vector; see {@link fromNumbers}. */
export function int64Tensor(values: Values, dims: readonly number[] = [values.length]): Tensor {
  return fromNumbers('int64', values, dims);
}

/** A scalar (no dimensions) of the given type. */
export function scalarTensor(dtype: DataType, value: number): Tensor {
  return fromNumbers(dtype, [value], []);
}

/** The element of a numeric tensor that has exactly one, whatever its rank; otherwise undefined. */
export function scalarValue(tensor: Tensor): number | undefined {
  if (tensor.dtype === 'string' || tensor.bytes.length !== BYTES_PER_ELEMENT[tensor.dtype]) return undefined;
  return toNumbers(tensor)[0];
}

/** `[2, 3]`, cut short when there are many: for messages. */
export function dimsText(dims: readonly (number | string)[]): string {
  return dims.length > 8 ? `[${dims.slice(0, 8).join(', ')}, … ${dims.length} in all]` : `[${dims.join(', ')}]`;
}

const ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  int8: Int8Array,
  int16: Int16Array,
  int32: Int32Array,
  uint8: Uint8Array,
  uint16: Uint16Array,
  uint32: Uint32Array,
} as const;

interface ArrayType<T> {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, offset: number, length: number): T;
}

type NumberArray = InstanceType<(typeof ARRAYS)[keyof typeof ARRAYS]>;

/**
 * View of `bytes`; of a copy where they lie at an address that the array type cannot view. ONNX and every JS platform
 * are little-endian.
 */
function typed<T>(Type: ArrayType<T>, bytes: Uint8Array): T {
  const size = Type.BYTES_PER_ELEMENT;
  // Not bytes.slice(): a Node Buffer's slice is a view.
  const at = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return new Type(at.buffer, at.byteOffset, Math.floor(at.byteLength / size));
}

function encode(dtype: DataType, values: Values): ArrayBufferView {
  switch (dtype) {
    case 'float16':
      return Uint16Array.from(values, toFloat16);
    case 'bfloat16':
      return Uint16Array.from(values, toBfloat16);
    case 'bool':
      return Uint8Array.from(values, (value) => (value === 0 ? 0 : 1));
    case 'int64':
      return saturate(new BigInt64Array(values.length), values, -(2n ** 63n), 2n ** 63n - 1n);
    case 'uint64':
      return saturate(new BigUint64Array(values.length), values, 0n, 2n ** 64n - 1n);
    case 'string':
      throw noNumbers();
    default:
      return ARRAYS[dtype satisfies NumericType].from(values);
  }
}

function saturate<T extends BigInt64Array | BigUint64Array>(
  into: T,
  values: Values,
  lowest: bigint,
  highest: bigint,
): T {
  for (let i = 0; i < values.length; i++) {
    const value = values[i] ?? 0;
    if (value >= Number(highest)) into[i] = highest;
    else if (value <= Number(lowest)) into[i] = lowest;
    else into[i] = Number.isNaN(value) ? 0n : BigInt(Math.trunc(value));
  }
  return into;
}

function clampBig(values: BigInt64Array | BigUint64Array): Float64Array {
  const numbers = new Float64Array(values.length);
  for (let i = 0; i < values.length; i++) numbers[i] = Math.max(-INT64_CLAMP, Math.min(INT64_CLAMP, Number(values[i])));
  return numbers;
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

function noNumbers(): UnsupportedError {
  return new UnsupportedError('A tensor of strings has no numbers', {
    code: 'TENSOR_STRING',
    found: 'string',
    expected: 'a numeric element type',
  });
}
