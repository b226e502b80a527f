import type { Tensor as Constant } from '@hadamard-adapter/graph/internal';
import type { Tf } from '../tf.js';
import { constantOperand, type Operand } from './operand.js';

/** Weights on the device, each once, however many graphs read it. */
export interface Constants {
  of(tensor: Constant): Operand;
  dispose(): void;
}

export function constantsOn(tf: Tf): Constants {
  const known = new Map<Constant, ReturnType<typeof constantOperand>>();
  return {
    of(tensor) {
      const operand = known.get(tensor) ?? constantOperand(tf, tensor);
      known.set(tensor, operand);
      return operand;
    },
    dispose() {
      for (const operand of known.values()) operand.dispose();
      known.clear();
    },
  };
}
