import { evaluate, float32Tensor, type Graph, type Node } from '@hadamard-adapter/onnx';
import type { TypedTensor } from 'onnxruntime-common';
import type { OrtModule } from '../ort.js';

const ROWS = 4;
const WIDTH = 16;

/** Numbers without a pattern that a wrong stride would keep. */
function ramp(size: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => ((i * 37) % 19) / 19 - 0.5);
}

/** A product, a softmax, an error function and a norm, one after the other. */
export const PROBE: Graph = {
  name: 'probe',
  opsets: new Map([['', 18]]),
  inputs: [{ name: 'x', dtype: 'float32', dims: [ROWS, WIDTH] }],
  outputs: [{ name: 'y', dtype: 'float32', dims: [ROWS, WIDTH] }],
  nodes: [node('Gemm', ['x', 'weight', 'shift'], 'product'), node('Softmax', ['product'], 'shares'), node('Erf', ['product'], 'bent'), node('Mul', ['shares', 'bent'], 'mixed'), node('LayerNormalization', ['mixed', 'scale', 'shift'], 'y')],
  tensors: new Map([
    ['weight', float32Tensor(ramp(WIDTH * WIDTH), [WIDTH, WIDTH])],
    ['shift', float32Tensor(ramp(WIDTH), [WIDTH])],
    ['scale', float32Tensor(ramp(WIDTH), [WIDTH])],
  ]),
};

function node(op: string, inputs: readonly string[], output: string): Node {
  return { op, domain: '', name: output, inputs, outputs: [output], attributes: {} };
}

export const probeInput = (Tensor: OrtModule['Tensor']): TypedTensor<'float32'> => new Tensor('float32', ramp(ROWS * WIDTH), [ROWS, WIDTH]);

/** What `PROBE` answers to `probeInput`, by the interpreter, in float64. */
export function expectedAnswer(): Float64Array {
  const x = { dtype: 'float32', dims: [ROWS, WIDTH], data: Float64Array.from(ramp(ROWS * WIDTH)) } as const;
  return evaluate(PROBE, new Map([['x', x]])).get('y')?.data ?? new Float64Array(0);
}
