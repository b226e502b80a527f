import type { Tensor as Constant } from '@hadamard-adapter/graph/internal';
import type { Tf } from '../tf.js';
import { constantOperand, type Operand } from './operand.js';

/** Weights on the device, each once, however many graphs read it. */
export class Constants {
  private readonly tf: Tf;
  private readonly known = new Map<Constant, ReturnType<typeof constantOperand>>();

  constructor(tf: Tf) {
    this.tf = tf;
  }

  of(tensor: Constant): Operand {
    const operand = this.known.get(tensor) ?? constantOperand(this.tf, tensor);
    this.known.set(tensor, operand);
    return operand;
  }

  dispose(): void {
    for (const operand of this.known.values()) operand.dispose();
    this.known.clear();
  }
}
