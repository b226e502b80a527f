import { isTokenLoss, type Loss, type RowLoss } from '@hadamard-adapter/core';
import { int, type Builder } from '@hadamard-adapter/graph/internal';
import { tokenWeights } from './head.js';

/**
 * Name of the input with the targets, float32 as core's `targetMatrix` makes them: [batch, numLabels], or for losses of
 * tokens [batch, sequence, numLabels].
 */
export const TARGETS_INPUT = 'targets';

/** Dimensions of the targets of a batch. */
export function targetDims(loss: Loss, numLabels: number): readonly ['batch', ...('sequence' | number)[]] {
  return isTokenLoss(loss) ? ['batch', 'sequence', numLabels] : ['batch', numLabels];
}

/**
 * Mean loss over the batch, a scalar. `cross-entropy`: mean over rows of logsumexp(z) − z·target. `mse`: mean over all
 * entries of (z − target)². `bce`: mean over all entries of softplus(z) − z·target, the stable form of binary
 * cross-entropy with logits. `token-cross-entropy`: mean over rows of Σ over tokens of weight·logsumexp(z) − z·target,
 * where the weight of a token is the sum of its targets. `span-cross-entropy`: as cross-entropy with the unmasked
 * positions as classes, mean over rows and the two ends.
 *
 * @param mask graph input with 1 at tokens, needed for spans.
 */
export function attachLoss(builder: Builder, logits: string, loss: Loss, mask: string | undefined): string {
  return builder.emit('ReduceMean', [lossTerms(builder, logits, loss, mask)], { keepdims: int(0) }, { output: 'loss' });
}

function lossTerms(builder: Builder, logits: string, loss: Loss, mask: string | undefined): string {
  switch (loss) {
    case 'token-cross-entropy':
      return tokenTerms(builder, logits);
    case 'span-cross-entropy':
      return entropyAlong(builder, unmasked(builder, logits, tokenWeights(builder, mask, 'span')), 1);
    default:
      return rowTerms(builder, logits, loss);
  }
}

/** logsumexp(z) − Σ z·target along an axis, for targets that sum to 1. */
function entropyAlong(builder: Builder, logits: string, axis: number): string {
  const classes = builder.ints([axis]);
  const normalizer = builder.emit('ReduceLogSumExp', [logits, classes], { keepdims: int(0) });
  return builder.emit('Sub', [normalizer, sumAlong(builder, builder.emit('Mul', [logits, TARGETS_INPUT]), axis)]);
}

const sumAlong = (builder: Builder, value: string, axis: number): string =>
  builder.emit('ReduceSum', [value, builder.ints([axis])], { keepdims: int(0) });

function rowTerms(builder: Builder, logits: string, loss: RowLoss): string {
  switch (loss) {
    case 'cross-entropy':
      return entropyAlong(builder, logits, 1);
    case 'mse': {
      const difference = builder.emit('Sub', [logits, TARGETS_INPUT]);
      return builder.emit('Mul', [difference, difference]);
    }
    case 'bce':
      return builder.emit('Sub', [builder.emit('Softplus', [logits]), builder.emit('Mul', [logits, TARGETS_INPUT])]);
  }
}

/** [batch]: tokens that are not judged have targets of 0, and so no weight. */
function tokenTerms(builder: Builder, logits: string): string {
  const weighted = builder.emit('Mul', [
    builder.emit('ReduceLogSumExp', [logits, builder.ints([2])], { keepdims: int(0) }),
    sumAlong(builder, TARGETS_INPUT, 2),
  ]);
  const chosen = sumAlong(builder, builder.emit('Mul', [logits, TARGETS_INPUT]), 2);
  return sumAlong(builder, builder.emit('Sub', [weighted, chosen]), 1);
}

/** e⁻¹⁰⁰⁰⁰ is 0 in any precision. */
const FAR_BELOW = 10_000;

/** Logits [batch, sequence, 2], far below all others where the mask is 0. */
function unmasked(builder: Builder, logits: string, weights: string): string {
  const below = builder.emit('Mul', [builder.emit('Sub', [weights, builder.scalar(1)]), builder.scalar(FAR_BELOW)]);
  return builder.emit('Add', [logits, builder.emit('Unsqueeze', [below, builder.ints([2])])]);
}
