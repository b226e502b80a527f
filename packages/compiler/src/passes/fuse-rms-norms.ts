import { eitherInput, float, int, rewrite, type Graph, type View } from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';
import { isVector, lastAxisMean, squareRootOf } from './support/norm-patterns.js';

/** Zhang & Sennrich, arXiv 1910.07467: the norm of T5. The root may divide, or multiply as its reciprocal. */
export const fuseRmsNorms: Pass = {
  name: 'fuse-rms-norms',
  does: 'Makes an RMS norm that is written out, `x / √(mean(x²) + ε) · scale`, one node.',
  needs: 'constants folded',
  guarantees: 'RMS norms over the last axis are `RMSNormalization` (ONNX opset 23)',
  run: fused,
};

function fused(graph: Graph): Graph {
  return rewrite(graph, (node, builder, view) => {
    const isProduct = node.op === 'Mul' && node.domain === '';
    const normalized = isProduct ? eitherInput(node, (value) => matchNormalized(view, value)) : undefined;
    const [output] = node.outputs;
    if (normalized === undefined || output === undefined || !isVector(view, normalized.other)) return false;
    const { input, epsilon } = normalized.picked;
    const attributes = { axis: int(-1), epsilon: float(epsilon) };
    builder.emit('RMSNormalization', [input, normalized.other], attributes, { output, name: node.name });
    return true;
  });
}

interface Match {
  readonly input: string;
  readonly epsilon: number;
}

function matchNormalized(view: View, value: string): Match | undefined {
  const quotient = view.producedBy(value, 'Div');
  if (quotient !== undefined) return rootOver(view, quotient.inputs[1], quotient.inputs[0]);
  const product = view.producedBy(value, 'Mul');
  const scaled = product && eitherInput(product, (input) => reciprocalRoot(view, input));
  return scaled?.picked.input === scaled?.other ? scaled?.picked : undefined;
}

/** `value` = 1 / √(mean(x²) + ε), as a quotient, a reciprocal, or a power of −½. */
function reciprocalRoot(view: View, value: string): Match | undefined {
  const quotient = view.producedBy(value, 'Div');
  if (quotient !== undefined)
    return view.scalar(quotient.inputs[0]) === 1 ? rootOver(view, quotient.inputs[1]) : undefined;
  const reciprocal = view.producedBy(value, 'Reciprocal');
  if (reciprocal !== undefined) return rootOver(view, reciprocal.inputs[0]);
  const power = view.producedBy(value, 'Pow');
  return power !== undefined && view.scalar(power.inputs[1]) === -0.5 ? meanSquare(view, power.inputs[0]) : undefined;
}

/** `value` = √(mean(x²) + ε), of this x if one is given. */
function rootOver(view: View, value: string | undefined, x?: string): Match | undefined {
  const root = view.producedBy(value, 'Sqrt');
  const match = root && meanSquare(view, root.inputs[0]);
  return match !== undefined && (x === undefined || match.input === x) ? match : undefined;
}

/** `value` = mean(x²) + ε */
function meanSquare(view: View, value: string | undefined): Match | undefined {
  const sum = view.producedBy(value, 'Add');
  const stabilized = sum && eitherInput(sum, (input) => view.scalar(input));
  const square = stabilized && lastAxisMean(view, stabilized.other);
  const input = square && squareRootOf(view, square);
  return stabilized === undefined || input === undefined ? undefined : { input, epsilon: stabilized.picked };
}
