import { float, int, type Graph, makeNode, rewrite, eitherInput, type View } from '@hadamard-adapter/graph/internal';
import { lastAxisMean } from './layer-norm.js';

/**
 * RMS norm written out, `x / sqrt(mean(x²) + ε) · scale` over the last axis (Zhang & Sennrich, arXiv 1910.07467),
 * becomes `RMSNormalization` (ONNX opset 23): the norm of T5. The root may divide, or multiply as its reciprocal.
 */
export function fuseRmsNorms(graph: Graph): Graph {
  return rewrite(graph, (node, view) => {
    if (node.op !== 'Mul' || node.domain !== '') return undefined;
    const normalized = eitherInput(node, (value) => matchNormalized(view, value));
    if (normalized === undefined || view.constant(normalized.other)?.dims.length !== 1) return undefined;
    const { input, epsilon } = normalized.picked;
    return {
      nodes: [
        makeNode(
          'RMSNormalization',
          [input, normalized.other],
          node.outputs,
          { axis: int(-1), epsilon: float(epsilon) },
          { name: node.name },
        ),
      ],
    };
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
  const input = square && squared(view, square);
  return stabilized === undefined || input === undefined ? undefined : { input, epsilon: stabilized.picked };
}

function squared(view: View, value: string): string | undefined {
  const power = view.producedBy(value, 'Pow');
  if (power !== undefined) return view.scalar(power.inputs[1]) === 2 ? power.inputs[0] : undefined;
  const product = view.producedBy(value, 'Mul');
  return product !== undefined && product.inputs[0] === product.inputs[1] ? product.inputs[0] : undefined;
}
