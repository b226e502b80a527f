import { eitherInput, float, int, rewrite, type Graph, type Node, type View } from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';
import { isVector, lastAxisMean, squareRootOf } from './support/norm-patterns.js';

/** Exporters before opset 17 have no operator for it; hand-written norms look the same. */
export const fuseLayerNorms: Pass = {
  name: 'fuse-layer-norms',
  does: 'Makes a LayerNorm that is written out, `(x − mean) / √(mean((x − mean)²) + ε) · scale + shift`, one node.',
  needs: 'constants folded',
  guarantees: 'LayerNorms over the last axis are `LayerNormalization` (ONNX opset 17), with or without shift',
  run: fused,
};

function fused(graph: Graph): Graph {
  return rewrite(graph, (node, builder, view) => {
    const match = node.domain === '' ? (matchShifted(node, view) ?? matchScaled(node, view)) : undefined;
    const [output] = node.outputs;
    if (match === undefined || output === undefined) return false;
    const { input, epsilon, scale, shift } = match;
    const inputs = shift === undefined ? [input, scale] : [input, scale, shift];
    const attributes = { axis: int(-1), epsilon: float(epsilon) };
    builder.emit('LayerNormalization', inputs, attributes, { output, name: node.name });
    return true;
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
