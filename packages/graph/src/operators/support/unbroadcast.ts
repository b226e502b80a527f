import type { Builder } from '../../builder/builder.js';
import { int } from '../../ir/graph.js';

/**
 * Undo broadcasting: sum `gradient` over the axes along which a value of the shape of `like` was repeated. The adjoint
 * of ONNX's multidirectional broadcasting.
 */
export function unbroadcast(builder: Builder, gradient: string, like: string): string {
  const [from, to] = [builder.dims(gradient), builder.dims(like)];
  const missing = from.length - to.length;
  const leading = from.slice(0, missing).map((_, axis) => axis);
  const repeated = to.flatMap((dim, axis) => (dim === 1 && from[missing + axis] !== 1 ? [missing + axis] : []));
  let result = gradient;
  if (repeated.length > 0) result = builder.emit('ReduceSum', [result, builder.ints(repeated)], { keepdims: int(1) });
  if (leading.length > 0) result = builder.emit('ReduceSum', [result, builder.ints(leading)], { keepdims: int(0) });
  return result;
}
