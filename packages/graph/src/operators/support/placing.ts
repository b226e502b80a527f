import type { Builder } from '../../builder/builder.js';
import { int, string } from '../../ir/graph.js';

/** Where a slice of `axis` begins, counted from the front and inside the axis, [1]. */
export function firstIndex(builder: Builder, x: string, axis: number, start: string): string {
  const [known] = builder.constantData(start) ?? [];
  if (known !== undefined && known >= 0) return builder.ints([known]);
  const size = axisSize(builder, x, axis);
  const fromFront = builder.emit('Add', [start, size]);
  const counted =
    known === undefined
      ? builder.emit('Where', [builder.emit('Less', [start, builder.ints([0])]), fromFront, start])
      : fromFront;
  return builder.emit('Min', [builder.emit('Max', [counted, builder.ints([0])]), size]);
}

/** `gradient` with zeros around it to the shape of `like`; `before` has one start, [1], for each axis. */
export function padded(builder: Builder, gradient: string, like: string, before: readonly string[]): string {
  const [only, ...more] = before;
  const first = only !== undefined && more.length === 0 ? only : builder.emit('Concat', before, { axis: int(0) });
  const missing = builder.emit('Sub', [builder.emit('Shape', [like]), builder.emit('Shape', [gradient])]);
  const pads = builder.emit('Concat', [first, builder.emit('Sub', [missing, first])], { axis: int(0) });
  return builder.emit('Pad', [gradient, pads, builder.scalar(0)], { mode: string('constant') });
}

export function zerosLike(builder: Builder, value: string): string {
  return builder.emit('Expand', [builder.scalar(0), builder.emit('Shape', [value])]);
}

/** The size of one axis, int64 [1]. */
export function axisSize(builder: Builder, value: string, axis: number): string {
  return builder.emit('Shape', [value], { start: int(axis), end: int(axis + 1) });
}

/** ONNX's number for int64. */
const INT64 = 7;

/** Gather takes int32 indices, the scatters take int64 only. */
export function asInt64(builder: Builder, indices: string): string {
  return builder.dtype(indices) === 'int64' ? indices : builder.emit('Cast', [indices], { to: int(INT64) });
}
