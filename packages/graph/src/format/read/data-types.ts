import type { DataType } from '../../tensors/tensor.js';
import { TensorProto_DataType as Code } from './onnx_pb.js';

/** Element types by the number that ONNX files write for them. */
export const DATA_TYPE_CODES: Readonly<Record<DataType, Code>> = {
  float32: Code.FLOAT,
  float64: Code.DOUBLE,
  float16: Code.FLOAT16,
  bfloat16: Code.BFLOAT16,
  int8: Code.INT8,
  int16: Code.INT16,
  int32: Code.INT32,
  int64: Code.INT64,
  uint8: Code.UINT8,
  uint16: Code.UINT16,
  uint32: Code.UINT32,
  uint64: Code.UINT64,
  bool: Code.BOOL,
  string: Code.STRING,
};

const BY_CODE = new Map(Object.entries(DATA_TYPE_CODES).map(([dtype, code]) => [code as number, dtype as DataType]));

/** Element type of a number in a file; undefined for those without a place here (complex, float8, 4 bits and fewer). */
export function dataTypeOf(code: number): DataType | undefined {
  return BY_CODE.get(code);
}

/** `FLOAT8E4M3FN`, or the number itself: for messages. */
export function dataTypeName(code: number): string {
  return Code[code] ?? `element type ${code}`;
}
