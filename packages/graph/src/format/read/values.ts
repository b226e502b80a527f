import { FormatError, UnsupportedError } from '../../errors.js';
import type { ValueInfo } from '../../ir/graph.js';
import { quote } from '../../ir/quote.js';
import { dataTypeName, dataTypeOf } from './data-types.js';
import { TensorProto_DataType, type TensorShapeProto, type ValueInfoProto } from './onnx_pb.js';

/**
 * Name, type and shape of a graph input or output. Inside subgraphs ONNX lets both be left out.
 *
 * @throws FormatError `ONNX_VALUE_INFO` without a name, or without a type in the model's own graph; UnsupportedError
 *   `ONNX_VALUE_TYPE` for anything but a tensor.
 */
export function readValueInfo(proto: ValueInfoProto, kind: 'input' | 'output', nested: boolean): ValueInfo {
  const { name, type } = proto;
  if (name === '')
    throw new FormatError(`A graph ${kind} has no name`, { code: 'ONNX_VALUE_INFO', expected: 'a name' });
  const value = type?.value;
  if (value?.case !== undefined && value.case !== 'tensorType') {
    throw new UnsupportedError(`Graph ${kind} ${quote(name)} is not a tensor`, {
      code: 'ONNX_VALUE_TYPE',
      found: value.case.replace('Type', ''),
      expected: 'a tensor',
    });
  }
  const tensor = value?.value;
  const code = tensor?.elemType ?? TensorProto_DataType.UNDEFINED;
  if (tensor === undefined || code === TensorProto_DataType.UNDEFINED) {
    if (nested) return { name, dtype: 'float32', dims: [], unknown: 'type' };
    throw new FormatError(`Graph ${kind} ${quote(name)} has no type`, {
      code: 'ONNX_VALUE_INFO',
      expected: 'an element type',
    });
  }
  const dtype = dataTypeOf(code);
  if (dtype === undefined) {
    throw new UnsupportedError(`Graph ${kind} ${quote(name)} has an element type that is not supported`, {
      code: 'ONNX_DATA_TYPE',
      found: dataTypeName(code),
    });
  }
  if (tensor.shape === undefined) return { name, dtype, dims: [], unknown: 'shape' };
  return { name, dtype, dims: readShape(tensor.shape) };
}

/** Negative dimensions, which some exporters write for those known only at run time, are unnamed ones. */
function readShape(shape: TensorShapeProto): (number | string)[] {
  return shape.dim.map(({ value }) => {
    if (value.case === 'dimParam') return value.value;
    if (value.case !== 'dimValue' || value.value < 0n || value.value > BigInt(Number.MAX_SAFE_INTEGER)) return '';
    return Number(value.value);
  });
}
