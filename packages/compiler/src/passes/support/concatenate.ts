import { int, type Builder } from '@hadamard-adapter/graph/internal';

/**
 * WebGPU binds at most ten storage buffers in many implementations, and one of them is the result; the rest is air for
 * what a runtime adds.
 */
const MOST_OPERANDS = 6;

/**
 * Concatenate vectors in order, as a tree of few operands each: one Concat of many inputs does not run on WebGPU, where
 * it fails or answers wrong numbers.
 */
export function concatenate(builder: Builder, values: readonly string[], output?: string): string {
  const named = output === undefined ? {} : { output };
  if (values.length <= MOST_OPERANDS) {
    return values.length === 1 && output === undefined
      ? (values[0] as string)
      : builder.emit('Concat', values, { axis: int(0) }, named);
  }
  // Groups of equal size, so that every number is copied once per level of the tree and no more.
  const width = Math.ceil(values.length / MOST_OPERANDS);
  const groups = Array.from({ length: Math.ceil(values.length / width) }, (_, i) =>
    concatenate(builder, values.slice(i * width, (i + 1) * width)),
  );
  return concatenate(builder, groups, output);
}
