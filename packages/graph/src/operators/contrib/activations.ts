import { floatAttribute, string, type Node } from '../../ir/graph.js';
import type { Expansion } from './expansion.js';

const [ERF, TANH] = [{ approximate: string('none') }, { approximate: string('tanh') }];

export function expandGelu({ inputs, outputs }: Node, { emit }: Expansion): void {
  emit('Gelu', inputs, ERF, outputs[0]);
}

/** GELU of x + bias. */
export function expandBiasGelu({ inputs, outputs }: Node, { emit }: Expansion): void {
  emit('Gelu', [emit('Add', inputs)], ERF, outputs[0]);
}

/** The tanh form, of x or x + bias. */
export function expandFastGelu({ inputs, outputs }: Node, { emit }: Expansion): void {
  const [x, bias] = inputs as [string, string | undefined];
  emit('Gelu', [bias === undefined || bias === '' ? x : emit('Add', [x, bias])], TANH, outputs[0]);
}

/** x · σ(alpha · x) */
export function expandQuickGelu(node: Node, { emit, scalar }: Expansion): void {
  const x = node.inputs[0] as string;
  emit(
    'Mul',
    [x, emit('Sigmoid', [emit('Mul', [x, scalar(floatAttribute(node, 'alpha', 1.702))])])],
    {},
    node.outputs[0],
  );
}
