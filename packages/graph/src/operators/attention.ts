import { floatAttribute, int, type Node } from '../ir/graph.js';
import type { Dim } from '../shapes/dim.js';
import { elementCount } from '../tensors/elements.js';
import type { Operator } from './operator.js';
import { inputAt, isPresent, need, needValue, optionalInput, outputAt, shapeError } from './support/arguments.js';
import { alignedAxis, gradientOf, onnx } from './support/elementwise.js';
import { broadcastIndex } from './support/strides.js';
import { unbroadcast } from './support/unbroadcast.js';
import { swapLastAxes } from '../builder/transpose.js';
import { multiply, transposed } from './support/matrices.js';
import { softmaxInPlace } from './support/softmax.js';

/** The factor on the scores: its attribute, or 1/√d for queries [.., d]. */
export function attentionScale(node: Node, queryDims: readonly Dim[]): number {
  const width = queryDims.at(-1) ?? 1;
  if (typeof width === 'number') return floatAttribute(node, 'scale', 1 / Math.sqrt(width));
  if (node.attributes['scale']?.type === 'float') return node.attributes['scale'].value;
  throw shapeError(node, 'queries of a width that is not known', 'a number');
}

/**
 * softmax(scale · q·kᵀ + bias) · v for q [b, h, s, d], k and v [b, h, t, d]; the second output holds the probabilities,
 * [b, h, s, t]. That is ONNX's Attention of four dimensions without its further options, except for the second output.
 *
 * With P the probabilities and dP = do·vᵀ, the row term Σₖ P∘dP of the softmax equals Σ_d o∘do, which is a sum over the
 * head size rather than the sequence. dS = P∘(dP − row); dq = scale·dS·k; dk = scale·dSᵀ·q; dv = Pᵀ·do; dbias = dS.
 */
export const attention: Operator = {
  name: 'Attention',
  text: onnx('Attention', 23),
  infer(node, inputs) {
    const [q, k, v] = [need(node, inputs, 0), need(node, inputs, 1), need(node, inputs, 2)];
    const [batch, heads, queries, ...rest] = q.dims;
    const [keys, width] = [k.dims[2], v.dims[3]];
    const fits = rest.length === 1 && k.dims.length === 4 && v.dims.length === 4;
    if (
      !fits ||
      batch === undefined ||
      heads === undefined ||
      queries === undefined ||
      keys === undefined ||
      width === undefined
    )
      throw shapeError(node, `${q.dims.length} dimensions`, '4 dimensions');
    return [
      { dtype: q.dtype, dims: [batch, heads, queries, width] },
      { dtype: q.dtype, dims: [batch, heads, queries, keys] },
    ];
  },
  evaluate(node, inputs, outputs) {
    const [q, k, v] = [needValue(node, inputs, 0), needValue(node, inputs, 1), needValue(node, inputs, 2)];
    const bias = inputs[3];
    const [batch = 1, heads = 1, s = 1, d = 1] = q.dims;
    const [t, width] = [k.dims[2] ?? 1, v.dims[3] ?? 1];
    const scoreDims = [batch, heads, s, t];
    const scale = attentionScale(node, q.dims);
    const biasIndex = bias === undefined ? undefined : broadcastIndex(bias.dims, scoreDims);
    const probabilities = new Float64Array(elementCount(scoreDims));
    const result = new Float64Array(batch * heads * s * width);
    for (let block = 0; block < batch * heads; block++) {
      const keys = transposed(k.data.subarray(block * t * d, (block + 1) * t * d), t, d);
      const scores = { data: probabilities, at: block * s * t };
      multiply({ data: q.data, at: block * s * d }, { data: keys, at: 0 }, scores, [s, d, t]);
      for (let row = 0; row < s; row++) {
        const start = (block * s + row) * t;
        const part = probabilities.subarray(start, start + t);
        for (const [column, score] of part.entries())
          part[column] = score * scale + (bias?.data[biasIndex?.[start + column] ?? 0] ?? 0);
        softmaxInPlace(part);
      }
      const context = { data: result, at: block * s * width };
      multiply(scores, { data: v.data, at: block * t * width }, context, [s, t, width]);
    }
    return [result, probabilities].slice(0, outputs.length);
  },
  gradient(context) {
    const { node, builder, wants } = context;
    const [query, key, value, bias] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2), optionalInput(node, 3)];
    const [output, probabilities, dy] = [outputAt(node, 0), outputAt(node, 1), gradientOf(context)];
    const product = (a: string, b: string): string => builder.emit('MatMul', [a, b]);
    const dValue = wants(2) ? product(swapLastAxes(builder, probabilities), dy) : undefined;
    const wantsBias = bias !== undefined && wants(3);
    if (!wants(0) && !wants(1) && !wantsBias) return [undefined, undefined, dValue];

    const dProbabilities = product(dy, swapLastAxes(builder, value));
    const shares = builder.emit('Mul', [output, dy]);
    const row = builder.emit('ReduceSum', [shares, builder.ints([-1])], { keepdims: int(1) });
    const dScores = builder.emit('Mul', [probabilities, builder.emit('Sub', [dProbabilities, row])]);
    const scale = builder.scalar(attentionScale(node, builder.dims(query)));
    return [
      wants(0) ? builder.emit('Mul', [product(dScores, key), scale]) : undefined,
      wants(1) ? builder.emit('Mul', [product(swapLastAxes(builder, dScores), query), scale]) : undefined,
      dValue,
      wantsBias ? unbroadcast(builder, dScores, bias) : undefined,
    ];
  },
  saves: 2,
  axes: (context) =>
    context.axis === 2
      ? context.node.inputs.map((input, i) => (i === 0 ? 2 : i === 3 ? alignedAxis(context, input) : undefined))
      : undefined,
  /** The scale goes on the queries: [.., s, d] numbers rather than [.., s, t]. */
  lower(node, builder) {
    const [query, key, value, bias] = [inputAt(node, 0), inputAt(node, 1), inputAt(node, 2), optionalInput(node, 3)];
    const [output, probabilities] = node.outputs;
    const scaled = builder.emit('Mul', [query, builder.scalar(attentionScale(node, builder.dims(query)))]);
    const scores = builder.emit('MatMul', [scaled, swapLastAxes(builder, key)]);
    const biased = bias === undefined ? scores : builder.emit('Add', [scores, bias]);
    const named = isPresent(probabilities) ? { output: probabilities } : {};
    const weights = builder.emit('Softmax', [biased], { axis: int(-1) }, named);
    // Computed again for its probabilities alone, it gives no context.
    if (isPresent(output)) builder.emit('MatMul', [weights, value], {}, { output });
  },
  isProduct: true,
};
