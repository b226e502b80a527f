import { present } from '@hadamard-adapter/core/internal';
import { TRIAL_DIMS, TRIAL_GRAPH, largestError, trialAnswer, trialInput } from '@hadamard-adapter/runtime/internal';
import type { Tensor } from '@tensorflow/tfjs-core';
import { Constants } from '../graph/constants.js';
import { deviceOperand } from '../graph/operand.js';
import { Program } from '../graph/program.js';
import { read } from '../read.js';
import type { Tf } from '../tf.js';
import { withBackend } from './with-backend.js';

/** By how much a device is off at most, in the answer of a small graph or in the gradient of its weighted sum. */
export async function deviceTrial(tf: Tf, device: string): Promise<number> {
  const constants = new Constants(tf);
  const program = new Program(tf, TRIAL_GRAPH, constants);
  const x = trialInput();
  const dims = [...TRIAL_DIMS];
  const run = (input: Tensor): Tensor =>
    present(
      program.run(new Map([['x', { ...deviceOperand(input, { dtype: 'float32', dims }), own: false }]])).get('y'),
    );
  const [answer, gradient] = withBackend(tf, device, () => {
    program.prepare();
    return tf.tidy((): [Tensor, Tensor] => {
      const input = tf.tensor(x, dims);
      const factors = tf.tensor(
        Float32Array.from(x, (_, i) => weight(i)),
        dims,
      );
      return [run(input), tf.grad((value) => tf.sum(tf.mul(run(value), factors)))(input)];
    });
  });
  const found = [await read(answer), await read(gradient)] as const;
  program.dispose();
  constants.dispose();
  return Math.max(largestError(found[0], trialAnswer(x)), largestError(found[1], expectedGradient(x)));
}

/** Of the sum whose gradient is taken: a plain sum of what a norm answers has none. */
const weight = (i: number): number => Math.cos(i);

/** Central differences of the interpreter, in float64. */
function expectedGradient(x: Float32Array): number[] {
  const h = 1e-5;
  const sum = (at: number, by: number): number =>
    trialAnswer(Float64Array.from(x, (value, i) => (i === at ? value + by : value))).reduce(
      (total, value, i) => total + value * weight(i),
      0,
    );
  return Array.from(x, (_, i) => (sum(i, h) - sum(i, -h)) / (2 * h));
}
