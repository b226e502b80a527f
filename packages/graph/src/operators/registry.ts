import { UnsupportedError } from '../errors.js';
import { operatorName, type Node } from '../ir/graph.js';
import { elementCount } from '../tensors/elements.js';
import { ELEMENTWISE } from './elementwise.js';
import { INDEXING } from './indexing.js';
import { MOVEMENT } from './movement.js';
import { NORMALIZATION } from './normalization.js';
import type { Inputs, Operator } from './operator.js';
import { PRODUCTS } from './products.js';
import { QUANTIZATION } from './quantization.js';
import { REDUCTIONS, cumulativeSum } from './reduce.js';
import type { Value } from '../shapes/value.js';

/** Every operator whose shapes and values are known, by `operatorName`. Meanings are those of opset 18. */
export const OPERATORS: ReadonlyMap<string, Operator> = new Map(
  Object.entries({
    ...ELEMENTWISE,
    ...INDEXING,
    ...MOVEMENT,
    ...NORMALIZATION,
    ...PRODUCTS,
    ...QUANTIZATION,
    ...REDUCTIONS,
    CumSum: cumulativeSum,
  }),
);

/** Data beyond this many elements is not computed unless asked for: what matters at probe sizes is far smaller. */
export const DEFAULT_MAX_ELEMENTS = 65_536;

/**
 * Outputs of one node: types and shapes, and data where all inputs have data and the outputs are small enough.
 *
 * @throws UnsupportedError OPERATOR_UNKNOWN, OPERATOR_DYNAMIC_SHAPE; FormatError OPERATOR_SHAPE, OPERATOR_INPUT.
 */
export function inferNode(
  node: Node,
  inputs: Inputs,
  { maxElements = DEFAULT_MAX_ELEMENTS }: { maxElements?: number } = {},
): Value[] {
  const operator = OPERATORS.get(operatorName(node));
  if (operator === undefined) {
    throw new UnsupportedError(`The operator ${operatorName(node)} is not known`, {
      code: 'OPERATOR_UNKNOWN',
      found: `node "${node.name}"`,
      hint: 'Export the model with another exporter or opset, or add the operator to packages/graph/src/operators.',
    });
  }
  const outputs = operator.shape(node, inputs);
  const complete = inputs.every((value, i) =>
    value === undefined ? (node.inputs[i] ?? '') === '' : value.data !== undefined,
  );
  if (operator.compute === undefined || !complete || outputs.some(({ dims }) => elementCount(dims) > maxElements))
    return outputs;
  const data = operator.compute(node, inputs as readonly Value[], outputs);
  return outputs.map((output, i) => ({ ...output, data: data[i] as Float64Array }));
}
