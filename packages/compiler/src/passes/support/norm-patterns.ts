import { type Node, type View } from '@hadamard-adapter/graph/internal';

/** `value` = mean over the last axis, kept as a dimension: answers what is averaged. */
export function lastAxisMean(view: View, value: string | undefined): string | undefined {
  const mean = view.producedBy(value, 'ReduceMean');
  return mean !== undefined && reducesLastAxis(view, mean) ? mean.inputs[0] : undefined;
}

function reducesLastAxis(view: View, node: Node): boolean {
  const keep = node.attributes['keepdims'];
  return view.scalar(node.inputs[1]) === -1 && (keep === undefined || (keep.type === 'int' && keep.value === 1));
}

/** `value` = d² as Pow(d, 2) or Mul(d, d): answers d. */
export function squareRootOf(view: View, value: string): string | undefined {
  const power = view.producedBy(value, 'Pow');
  if (power !== undefined) return view.scalar(power.inputs[1]) === 2 ? power.inputs[0] : undefined;
  const product = view.producedBy(value, 'Mul');
  return product !== undefined && product.inputs[0] === product.inputs[1] ? product.inputs[0] : undefined;
}

/** Whether a value is a constant of one dimension: a scale or a shift. */
export const isVector = (view: View, value: string): boolean => view.constant(value)?.dims.length === 1;
