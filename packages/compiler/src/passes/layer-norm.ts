import {
  float,
  int,
  type Graph,
  type Node,
  makeNode,
  rewrite,
  eitherInput,
  type View,
} from '@hadamard-adapter/graph/internal';

/**
 * LayerNorm written out, `(x − mean) / sqrt(mean((x − mean)²) + ε) · scale + shift` over the last axis, becomes
 * `LayerNormalization` (ONNX opset 17), with or without shift. Exporters before opset 17 have no operator for it;
 * hand-written norms look the same.
 */
export function fuseLayerNorms(graph: Graph): Graph {
  return rewrite(graph, (node, view) => {
    const match = node.domain === '' ? (matchShifted(node, view) ?? matchScaled(node, view)) : undefined;
    if (match === undefined) return undefined;
    const { input, epsilon, scale, shift } = match;
    const inputs = shift === undefined ? [input, scale] : [input, scale, shift];
    return {
      nodes: [
        makeNode(
          'LayerNormalization',
          inputs,
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
  readonly scale: string;
  readonly shift?: string;
}

function matchShifted(node: Node, view: View): Match | undefined {
  if (node.op !== 'Add') return undefined;
  const scaled = eitherInput(node, (value) => view.producedBy(value, 'Mul'));
  const match = scaled && matchScaled(scaled.picked, view);
  return match !== undefined && scaled !== undefined && isVector(view, scaled.other)
    ? { ...match, shift: scaled.other }
    : undefined;
}

function matchScaled(node: Node, view: View): Match | undefined {
  if (node.op !== 'Mul') return undefined;
  const normalized = eitherInput(node, (value) => matchNormalized(view, value));
  return normalized !== undefined && isVector(view, normalized.other)
    ? { ...normalized.picked, scale: normalized.other }
    : undefined;
}

/** `value` = (x − mean) / sqrt(var + ε): answers x and ε. */
function matchNormalized(view: View, value: string): { input: string; epsilon: number } | undefined {
  const divide = view.producedBy(value, 'Div');
  const root = view.producedBy(divide?.inputs[1], 'Sqrt');
  const sum = view.producedBy(root?.inputs[0], 'Add');
  if (divide === undefined || sum === undefined) return undefined;
  const stabilized = eitherInput(sum, (input) => view.scalar(input));
  const variance = stabilized && lastAxisMean(view, stabilized.other);
  const deviation = variance && squareRootOf(view, variance);
  const input = deviation && centeredOn(view, deviation);
  if (stabilized === undefined || input === undefined || centeredOn(view, divide.inputs[0]) !== input) return undefined;
  return { input, epsilon: stabilized.picked };
}

/** `value` = x − mean(x): answers x. Some exporters write the subtraction twice. */
function centeredOn(view: View, value: string | undefined): string | undefined {
  const subtract = view.producedBy(value, 'Sub');
  const input = subtract?.inputs[0];
  return input !== undefined && lastAxisMean(view, subtract?.inputs[1]) === input ? input : undefined;
}

/** `value` = d² as Pow(d, 2) or Mul(d, d): answers d. */
function squareRootOf(view: View, value: string): string | undefined {
  const power = view.producedBy(value, 'Pow');
  if (power !== undefined) return view.scalar(power.inputs[1]) === 2 ? power.inputs[0] : undefined;
  const product = view.producedBy(value, 'Mul');
  return product !== undefined && product.inputs[0] === product.inputs[1] ? product.inputs[0] : undefined;
}

/** `value` = mean over the last axis, kept as a dimension: answers what is averaged. */
export function lastAxisMean(view: View, value: string | undefined): string | undefined {
  const mean = view.producedBy(value, 'ReduceMean');
  return mean !== undefined && reducesLastAxis(view, mean) ? mean.inputs[0] : undefined;
}

function reducesLastAxis(view: View, node: Node): boolean {
  const keep = node.attributes['keepdims'];
  return view.scalar(node.inputs[1]) === -1 && (keep === undefined || (keep.type === 'int' && keep.value === 1));
}

function isVector(view: View, value: string): boolean {
  const tensor = view.constant(value);
  return tensor?.dims.length === 1;
}
