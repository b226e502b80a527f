import type { Node } from '../../ir/graph.js';
import { sameDim, type Dim } from '../../shapes/dim.js';
import { elementCount } from '../../tensors/elements.js';
import type { DataType } from '../../tensors/tensor.js';
import type { AxisContext, AxisRule, GradientRule, Operator, RuleContext } from '../operator.js';
import { inputAt, isPresent, need, needValue, outputAt } from './arguments.js';
import { broadcastDims } from './broadcast.js';
import { broadcastIndex } from './strides.js';
import { unbroadcast } from './unbroadcast.js';

/** Where the text of a standard operator stands, and the version of it that counts here. */
export const onnx = (name: string, version: number): string =>
  `https://onnx.ai/onnx/operators/onnx__${name}.html, version ${version}`;

/** The parts of an elementwise operator that differ from one to the next. */
type Parts = Pick<Operator, 'gradient' | 'symbols' | 'rearranges' | 'isWorthKeeping'>;

/** An operator of one input, element by element; of its type, unless it has one of its own. */
export function unary(
  name: string,
  version: number,
  f: (x: number, node: Node) => number,
  { dtype, ...parts }: Parts & { readonly dtype?: DataType } = {},
): Operator {
  return {
    name,
    text: onnx(name, version),
    infer(node, inputs) {
      const x = need(node, inputs, 0);
      return [{ dtype: dtype ?? x.dtype, dims: x.dims }];
    },
    evaluate: (node, inputs) => [needValue(node, inputs, 0).data.map((value) => f(value, node))],
    axes: alignedAxes,
    isElementwise: true,
    ...parts,
  };
}

/**
 * An operator of `least` or more inputs that broadcast against each other; its type is that of the input at `typeFrom`
 * unless it has one of its own.
 */
export function broadcasting(
  name: string,
  version: number,
  f: (values: readonly number[], dtype: DataType, node: Node) => number,
  {
    least = 1,
    dtype,
    typeFrom = 0,
    ...parts
  }: Parts & { readonly least?: number; readonly dtype?: DataType; readonly typeFrom?: number } = {},
): Operator {
  return {
    name,
    text: onnx(name, version),
    infer(node, inputs) {
      const present = Array.from({ length: Math.max(least, inputs.length) }, (_, i) => need(node, inputs, i));
      return [
        {
          dtype: dtype ?? need(node, inputs, typeFrom).dtype,
          dims: broadcastDims(
            node,
            present.map(({ dims }) => dims),
          ),
        },
      ];
    },
    evaluate(node, inputs, [output]) {
      const { dims = [], dtype: type = 'float32' } = output ?? {};
      const sources = inputs.map((_, i) => {
        const value = needValue(node, inputs, i);
        return { data: value.data, index: broadcastIndex(value.dims, dims) };
      });
      const values = sources.map(() => 0);
      const result = new Float64Array(elementCount(dims));
      for (let i = 0; i < result.length; i++) {
        for (const [k, { data, index }] of sources.entries()) values[k] = data[index[i] ?? 0] ?? 0;
        result[i] = f(values, type, node);
      }
      return [result];
    },
    axes: alignedAxes,
    isElementwise: true,
    ...parts,
  };
}

/** An operator of exactly two inputs. */
export const binary = (
  name: string,
  version: number,
  f: (a: number, b: number, dtype: DataType) => number,
  parts: Parts & { readonly dtype?: DataType } = {},
): Operator => broadcasting(name, version, ([a = 0, b = 0], dtype) => f(a, b, dtype), { least: 2, ...parts });

/** A comparison, or a connective of truth values. Its output is constant almost everywhere. */
export const truth = (
  name: string,
  version: number,
  f: (a: number, b: number) => boolean,
  parts: Parts = {},
): Operator => binary(name, version, (a, b) => Number(f(a, b)), { dtype: 'bool', gradient: 'none', ...parts });

export const isInteger = (dtype: DataType): boolean => /^u?int/.test(dtype);

/** dx = dy · f′(x), where `derivative` may use the input x and the output y. */
export const slope =
  (derivative: (context: RuleContext, x: string, y: string) => string): GradientRule =>
  (context) => {
    const { node, builder } = context;
    return [builder.emit('Mul', [gradientOf(context), derivative(context, inputAt(node, 0), outputAt(node, 0))])];
  };

/** Gradients of both operands of a broadcasting operator, summed back to their shapes. */
export const slopes =
  (
    left: (context: RuleContext, dy: string) => string,
    right: (context: RuleContext, dy: string) => string,
  ): GradientRule =>
  (context) =>
    [left, right].map((gradient, i) =>
      context.wants(i)
        ? unbroadcast(context.builder, gradient(context, gradientOf(context)), inputAt(context.node, i))
        : undefined,
    );

/** The gradient of the first output, which a rule is only called with. */
export function gradientOf({ node, upstream: [dy] }: RuleContext): string {
  return dy ?? outputAt(node, node.outputs.length);
}

/**
 * Between float types a cast is the identity; its gradient is cast back by the forward types alone, which are all
 * float32 here.
 */
export const passThrough: GradientRule = (context) => [gradientOf(context)];

/** The axis of each operand that broadcasts to the output, where it has one of more than 1. */
export const alignedAxes: AxisRule = (context) => context.node.inputs.map((input) => alignedAxis(context, input));

export function alignedAxis({ node, axis, dims }: AxisContext, input: string | undefined): number | undefined {
  const [output, own] = [dims(outputAt(node, 0)), isPresent(input) ? dims(input) : undefined];
  if (output === undefined || own === undefined) return undefined;
  const at = axis - (output.length - own.length);
  return at >= 0 && sameDim(own[at], output[axis]) ? at : undefined;
}

/** The first input along `axis`, every other one as a whole. */
export const firstAlong = (node: Node, axis: number): (number | undefined)[] =>
  node.inputs.map((_, i) => (i === 0 ? axis : undefined));

/** A value that is known to be a dimension, or not known. */
export const truthOf = (holds: boolean): Dim => Number(holds);
