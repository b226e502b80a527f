import type { Builder } from './builder.js';
import { ints } from '../ir/graph.js';

/** Swap the last two axes of a value of any rank from two on. */
export function swapLastAxes(builder: Builder, value: string): string {
  const axes = builder.dims(value).map((_, axis) => axis);
  return builder.emit('Transpose', [value], { perm: ints([...axes.slice(0, -2), axes.length - 1, axes.length - 2]) });
}
