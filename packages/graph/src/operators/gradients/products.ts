import { INTERNAL_DOMAIN, float, floatAttribute, int, intAttribute } from '../../ir/graph.js';
import type { Builder } from '../../builder/builder.js';
import { swapLastAxes } from '../../builder/transpose.js';
import { isConstantDim, type Dim } from '../../reference/probe.js';
import { attentionScale } from '../products.js';
import { unbroadcast } from './broadcast.js';
import type { GradientRule } from './rule.js';

/** Batched matrix product of at least two axes each: dA = dY·Bᵀ, dB = Aᵀ·dY, summed over broadcast batch axes. */
export const matMul: GradientRule = ({ node, builder, upstream, wants }) => {
  const [left, right] = node.inputs as [string, string];
  const dy = upstream[0] as string;
  return [
    wants(0) ? unbroadcast(builder, builder.emit('MatMul', [dy, swapLastAxes(builder, right)]), left) : undefined,
    wants(1) ? unbroadcast(builder, builder.emit('MatMul', [swapLastAxes(builder, left), dy]), right) : undefined,
  ];
};

/**
 * y = x·W + b over the last axis. dx is a Linear with the same weight read the other way round, so that no transposed
 * copy of it ever exists; dW = xᵀ·dy and db = Σ dy over all rows.
 */
export const linear: GradientRule = ({ node, builder, upstream, wants }) => {
  const [x, weight, bias] = node.inputs as [string, string, string | undefined];
  const dy = upstream[0] as string;
  const transB = intAttribute(node, 'transB', 0);
  const gradients: (string | undefined)[] = [
    wants(0)
      ? builder.emit('Linear', [dy, weight], { transB: int(1 - transB) }, { domain: INTERNAL_DOMAIN })
      : undefined,
    wants(1) ? weightGradient(builder, x, dy, transB) : undefined,
  ];
  if (bias !== undefined) gradients.push(wants(2) ? unbroadcast(builder, dy, bias) : undefined);
  return gradients;
};

/**
 * The rounding of x has no useful derivative, so it is passed over (the straight-through estimator, Bengio et al.,
 * arXiv 1308.3432): dx = dy·Wᵀ with W the dequantized weight, made when it is needed and gone afterwards. The weight
 * itself is frozen.
 */
export const quantizedLinear: GradientRule = ({ node, builder, upstream, wants }) => {
  const [, weight, scale, zero, bias] = node.inputs as [string, string, string, string | undefined, string | undefined];
  const dy = upstream[0] as string;
  const gradients: (string | undefined)[] = [undefined, undefined, undefined, undefined];
  if (wants(0)) {
    const stored = [weight, scale, ...(zero === undefined || zero === '' ? [] : [zero])];
    const unpacked = builder.emit('DequantizeLinear', stored, { axis: int(1) });
    gradients[0] = builder.emit('Linear', [dy, unpacked], { transB: int(1) }, { domain: INTERNAL_DOMAIN });
  }
  if (bias !== undefined && bias !== '') gradients.push(wants(4) ? unbroadcast(builder, dy, bias) : undefined);
  return gradients;
};

/**
 * y = α·A′·B′ + β·C with A′ and B′ perhaps transposed. Each operand's gradient is a Gemm of the other with dy, in the
 * order in which that operand is stored.
 */
export const gemm: GradientRule = ({ node, builder, upstream, wants }) => {
  const [a, b, c] = node.inputs as [string, string, string | undefined];
  const dy = upstream[0] as string;
  const [transA, transB] = [intAttribute(node, 'transA', 0), intAttribute(node, 'transB', 0)];
  const alpha = float(floatAttribute(node, 'alpha', 1));
  const product = (left: string, right: string, transLeft: number, transRight: number): string =>
    builder.emit('Gemm', [left, right], { alpha, transA: int(transLeft), transB: int(transRight) });
  const gradients: (string | undefined)[] = [
    wants(0) ? (transA === 1 ? product(b, dy, transB, 1) : product(dy, b, 0, 1 - transB)) : undefined,
    wants(1) ? (transB === 1 ? product(dy, a, 1, transA) : product(a, dy, 1 - transA, 0)) : undefined,
  ];
  if (c !== undefined && c !== '')
    gradients.push(
      wants(2)
        ? unbroadcast(builder, builder.emit('Mul', [dy, builder.scalar(floatAttribute(node, 'beta', 1))]), c)
        : undefined,
    );
  return gradients;
};

function weightGradient(builder: Builder, x: string, dy: string, transB: number): string {
  const rows = asRows(builder, x);
  const errors = asRows(builder, dy);
  return builder.emit('Gemm', transB === 1 ? [errors, rows] : [rows, errors], { transA: int(1) });
}

/** All leading axes as one. */
export function asRows(builder: Builder, value: string): string {
  const dims = builder.dims(value);
  const last = dims.at(-1) as Dim;
  if (dims.length === 2 || !isConstantDim(last)) return value;
  return builder.emit('Reshape', [value, builder.ints([-1, last[0]])]);
}

/** Output of the `Attention` node that holds its probabilities. */
const PROBABILITIES = 1;

/**
 * o = P·v with P = softmax(scale·q·kᵀ + bias). With dP = do·vᵀ, the row term Σₖ P∘dP of the softmax equals Σ_d o∘do,
 * which is a sum over the head size rather than the sequence. dS = P∘(dP − row); dq = scale·dS·k; dk = scale·dSᵀ·q; dv
 * = Pᵀ·do; dbias = dS.
 */
export const attention: GradientRule = ({ node, builder, upstream, wants }) => {
  const [query, key, value, bias] = node.inputs as [string, string, string, string | undefined];
  const [context, probabilities] = [node.outputs[0] as string, node.outputs[PROBABILITIES] as string];
  const dy = upstream[0] as string;
  const dValue = wants(2) ? builder.emit('MatMul', [swapLastAxes(builder, probabilities), dy]) : undefined;
  const wantsBias = bias !== undefined && bias !== '' && wants(3);
  if (!wants(0) && !wants(1) && !wantsBias) return [undefined, undefined, dValue];

  const dProbabilities = builder.emit('MatMul', [dy, swapLastAxes(builder, value)]);
  const row = builder.emit('ReduceSum', [builder.emit('Mul', [context, dy]), builder.ints([-1])], { keepdims: int(1) });
  const dScores = builder.emit('Mul', [probabilities, builder.emit('Sub', [dProbabilities, row])]);
  const scale = builder.scalar(attentionScale(node, builder.dims(query)));
  return [
    wants(0) ? builder.emit('Mul', [builder.emit('MatMul', [dScores, key]), scale]) : undefined,
    wants(1)
      ? builder.emit('Mul', [builder.emit('MatMul', [swapLastAxes(builder, dScores), query]), scale])
      : undefined,
    dValue,
    wantsBias ? unbroadcast(builder, dScores, bias) : undefined,
  ];
};
