import { floatAttribute, intAttribute, type Node } from '../../ir/graph.js';
import type { Evaluated, Fact } from '../../shapes/fact.js';
import type { Operator } from '../operator.js';
import { inputAt, need, needValue, outputAt } from '../support/arguments.js';
import { swapLastAxes } from '../../builder/transpose.js';
import { batchedProduct, productDims, transposed } from '../support/matrices.js';
import { CONTRIB, refuse } from '../support/fused.js';

/** alpha · A·B with the last two axes of either swapped. */
export const fusedMatMul: Operator = {
  name: 'com.microsoft:FusedMatMul',
  text: CONTRIB,
  infer(node, inputs) {
    const operands = ([0, 1] as const).map((i) => turnedFact(node, need(node, inputs, i), i));
    return [{ dtype: need(node, inputs, 0).dtype, dims: productDims(node, operands) }];
  },
  evaluate(node, inputs, [y]) {
    const [a, b] = [turned(node, needValue(node, inputs, 0), 0), turned(node, needValue(node, inputs, 1), 1)];
    const alpha = floatAttribute(node, 'alpha', 1);
    return [batchedProduct(a, b, y?.dims ?? []).map((value) => value * alpha)];
  },
  /**
   * As a product between transposes. Unlike other fused operators it needs to know how many axes there are.
   *
   * @throws UnsupportedError CONTRIB_FORM when it turns batch axes too.
   */
  expand(node, builder) {
    const turnsBatch = intAttribute(node, 'transBatchA', 0) !== 0 || intAttribute(node, 'transBatchB', 0) !== 0;
    refuse(node, 'transA, transB and alpha alone', [[turnsBatch, 'transposed batch axes']]);
    const operands = ([0, 1] as const).map((i) => {
      const value = inputAt(node, i);
      return isTurned(node, i) && builder.dims(value).length >= 2 ? swapLastAxes(builder, value) : value;
    });
    const alpha = floatAttribute(node, 'alpha', 1);
    const output = outputAt(node, 0);
    if (alpha === 1) builder.emit('MatMul', operands, {}, { output, name: node.name });
    else {
      const product = builder.emit('MatMul', operands, {}, { name: node.name });
      builder.emit('Mul', [product, builder.scalar(alpha)], {}, { output });
    }
  },
};

const isTurned = (node: Node, input: 0 | 1): boolean => intAttribute(node, input === 0 ? 'transA' : 'transB', 0) === 1;

function turnedFact(node: Node, { dtype, dims }: Fact, input: 0 | 1): Fact {
  const [rows, columns] = dims.slice(-2);
  if (!isTurned(node, input) || rows === undefined || columns === undefined) return { dtype, dims };
  return { dtype, dims: [...dims.slice(0, -2), columns, rows] };
}

/** The value with its last two axes swapped, where the attribute says so. */
function turned(node: Node, value: Evaluated, input: 0 | 1): Evaluated {
  const { dtype, dims, data } = value;
  const [rows, columns] = dims.slice(-2);
  if (!isTurned(node, input) || rows === undefined || columns === undefined) return value;
  const result = new Float64Array(data.length);
  for (let at = 0; at < data.length; at += rows * columns)
    result.set(transposed(data.subarray(at, at + rows * columns), rows, columns), at);
  return { dtype, dims: [...dims.slice(0, -2), columns, rows], data: result };
}
