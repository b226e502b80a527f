/** Element types of ONNX tensors, by the names numpy and Hugging Face use. */
export type DataType =
  | 'float32'
  | 'float64'
  | 'float16'
  | 'bfloat16'
  | 'int8'
  | 'int16'
  | 'int32'
  | 'int64'
  | 'uint8'
  | 'uint16'
  | 'uint32'
  | 'uint64'
  | 'bool'
  | 'string';

/** Bytes per element; strings have no fixed size and no place among weights. */
export const BYTES_PER_ELEMENT: Readonly<Record<Exclude<DataType, 'string'>, number>> = {
  float32: 4,
  float64: 8,
  float16: 2,
  bfloat16: 2,
  int8: 1,
  int16: 2,
  int32: 4,
  int64: 8,
  uint8: 1,
  uint16: 2,
  uint32: 4,
  uint64: 8,
  bool: 1,
};

/**
 * A constant: a weight or a small literal. `bytes` are its little-endian elements, row-major. For a weight they are a
 * view into the file it was read from, at whatever alignment the file has: never copied, never re-encoded.
 */
export interface Tensor {
  readonly dtype: DataType;
  readonly dims: readonly number[];
  readonly bytes: Uint8Array;
}
