import { type Graph, makeNode, float32Tensor, evaluate, type Value } from '@hadamard-adapter/graph/internal';

const ROWS = 4;
const WIDTH = 16;

/** The axes of its input and of its output. */
export const TRIAL_DIMS = [ROWS, WIDTH] as const;

/** Numbers without a pattern that a wrong stride would keep. */
function ramp(size: number): Float32Array {
  return Float32Array.from({ length: size }, (_, i) => ((i * 37) % 19) / 19 - 0.5);
}

/**
 * For trying a device: a product, a softmax, an error function and a norm, one after the other; input `x`, output `y`.
 * A driver that exists and computes nonsense is no device.
 */
export const TRIAL_GRAPH: Graph = {
  name: 'trial',
  opsets: new Map([['', 18]]),
  inputs: [{ name: 'x', dtype: 'float32', dims: TRIAL_DIMS }],
  outputs: [{ name: 'y', dtype: 'float32', dims: TRIAL_DIMS }],
  nodes: [
    makeNode('Gemm', ['x', 'weight', 'shift'], ['product']),
    makeNode('Softmax', ['product'], ['shares']),
    makeNode('Erf', ['product'], ['bent']),
    makeNode('Mul', ['shares', 'bent'], ['mixed']),
    makeNode('LayerNormalization', ['mixed', 'scale', 'shift'], ['y']),
  ],
  tensors: new Map([
    ['weight', float32Tensor(ramp(WIDTH * WIDTH), [WIDTH, WIDTH])],
    ['shift', float32Tensor(ramp(WIDTH), [WIDTH])],
    ['scale', float32Tensor(ramp(WIDTH), [WIDTH])],
  ]),
};

/** Its input: [4, 16]. */
export const trialInput = (): Float32Array => ramp(ROWS * WIDTH);

/** What `TRIAL_GRAPH` answers to `x`, by the interpreter, in float64. */
export function trialAnswer(x: ArrayLike<number> = trialInput()): Float64Array {
  const value: Value = { dtype: 'float32', dims: TRIAL_DIMS, data: Float64Array.from(x) };
  return evaluate(TRIAL_GRAPH, new Map([['x', value]])).get('y')?.data ?? new Float64Array(0);
}

/** The largest difference between two vectors; NaN when numbers are missing. */
export const largestError = (found: Float32Array, expected: ArrayLike<number>): number =>
  Math.max(...Array.from(expected, (value, i) => Math.abs(value - (found[i] ?? Number.NaN))));
