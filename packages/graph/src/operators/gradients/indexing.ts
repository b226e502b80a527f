import { UnsupportedError } from '../../errors.js';
import { int, intAttribute, string, stringAttribute, type Node } from '../../ir/graph.js';
import type { Builder } from '../../builder/builder.js';
import { isConstantDim } from '../../reference/probe.js';
import type { GradientRule } from './rule.js';
import { firstIndex, padded, zerosLike } from './movement.js';

/** ONNX's number for int64. */
const INT64 = 7;

/** Gather takes int32 indices, the scatters take int64 only. */
function asInt64(builder: Builder, indices: string): string {
  return builder.dtype(indices) === 'int64' ? indices : builder.emit('Cast', [indices], { to: int(INT64) });
}

/** Each picked entry sends its gradient back to where it was picked from; entries picked twice get both. */
export const gatherElements: GradientRule = ({ node, builder, upstream }) => {
  const [x, indices] = node.inputs as [string, string];
  return [
    builder.emit('ScatterElements', [zerosLike(builder, x), asInt64(builder, indices), upstream[0] as string], {
      axis: int(intAttribute(node, 'axis', 0)),
      reduction: string('add'),
    }),
    undefined,
  ];
};

/**
 * Rows of an embedding table: the gradient of each row is the sum over the places that looked it up. One constant index
 * of any axis (the first token, the queries among packed projections): the gradient stands at that index, with zeros
 * around it.
 */
export const gather: GradientRule = ({ node, builder, upstream, wants }) => {
  if (!wants(0)) return [undefined, undefined];
  const [table, indices] = node.inputs as [string, string];
  const dims = builder.dims(table);
  const axis = (intAttribute(node, 'axis', 0) + dims.length) % dims.length;
  const index = builder.dims(indices).length === 0 ? builder.constantData(indices) : undefined;
  if (index !== undefined) {
    const back = builder.emit('Unsqueeze', [upstream[0] as string, builder.ints([axis])]);
    const start = firstIndex(builder, table, axis, builder.ints([index[0] as number]));
    return [
      padded(
        builder,
        back,
        table,
        dims.map((_, each) => (each === axis ? start : builder.ints([0]))),
      ),
      undefined,
    ];
  }
  if (axis !== 0 || dims.slice(1).some((dim) => !isConstantDim(dim))) {
    throw new UnsupportedError(`Gather "${node.name}" cannot be differentiated`, {
      code: 'GRADIENT_GATHER',
      found: `axis ${axis} of ${dims.length} dimensions`,
      expected: 'rows of a table, or one constant index',
    });
  }
  const rows = builder.emit('Reshape', [asInt64(builder, indices), builder.ints([-1, 1])]);
  const updates = builder.emit('Reshape', [
    upstream[0] as string,
    builder.ints([-1, ...dims.slice(1).map(([size]) => size)]),
  ]);
  return [
    builder.emit('ScatterND', [zerosLike(builder, table), rows, updates], { reduction: string('add') }),
    undefined,
  ];
};

/** Each picked slice sends its gradient back to where it was picked from. */
export const gatherND: GradientRule = ({ node, builder, upstream }) => {
  const [x, indices] = node.inputs as [string, string];
  return [
    builder.emit('ScatterND', [zerosLike(builder, x), indices, upstream[0] as string], { reduction: string('add') }),
    undefined,
  ];
};

/** Whether a scatter adds to what was there; otherwise it replaces it. */
function adds(node: Node): boolean {
  const reduction = stringAttribute(node, 'reduction', 'none');
  if (reduction === 'add' || reduction === 'none') return reduction === 'add';
  throw new UnsupportedError(`${node.op} "${node.name}" cannot be differentiated`, {
    code: 'GRADIENT_SCATTER',
    found: `reduction ${reduction}`,
    expected: 'none or add',
  });
}

/**
 * The updates get the gradient of where they went; what they replaced gets none, what they were added to all of it. Of
 * several updates in one place, which replaced which is not defined.
 */
export const scatterND: GradientRule = ({ node, builder, upstream, wants }) => {
  const [, indices, updates] = node.inputs as [string, string, string];
  const dy = upstream[0] as string;
  const kept = (): string => (adds(node) ? dy : builder.emit('ScatterND', [dy, indices, zerosLike(builder, updates)]));
  return [wants(0) ? kept() : undefined, undefined, wants(2) ? builder.emit('GatherND', [dy, indices]) : undefined];
};

export const scatterElements: GradientRule = ({ node, builder, upstream, wants }) => {
  const [, indices, updates] = node.inputs as [string, string, string];
  const dy = upstream[0] as string;
  const axis = { axis: int(intAttribute(node, 'axis', 0)) };
  const kept = (): string =>
    adds(node) ? dy : builder.emit('ScatterElements', [dy, indices, zerosLike(builder, updates)], axis);
  return [
    wants(0) ? kept() : undefined,
    undefined,
    wants(2) ? builder.emit('GatherElements', [dy, indices], axis) : undefined,
  ];
};

/** Each entry counts in all sums behind it: the sum runs the other way. */
export const cumulativeSum: GradientRule = ({ node, builder, upstream }) => {
  const reverse = int(1 - intAttribute(node, 'reverse', 0));
  return [
    builder.emit('CumSum', [upstream[0] as string, node.inputs[1] as string], {
      reverse,
      exclusive: int(intAttribute(node, 'exclusive', 0)),
    }),
    undefined,
  ];
};
