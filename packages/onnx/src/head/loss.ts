import type { Loss } from '@hadamard-adapter/core';
import { int } from '../graph/graph.js';
import type { Builder } from '../graph/builder.js';

/** Name of the input with the targets, [batch, numLabels] float32: one-hot rows, regression targets, or 0/1 per label. */
export const TARGETS_INPUT = 'targets';

/**
 * Mean loss over the batch, a scalar. `cross-entropy`: mean over rows of logsumexp(z) − z·target. `mse`: mean over all entries of (z − target)².
 * `bce`: mean over all entries of softplus(z) − z·target, the stable form of binary cross-entropy with logits.
 */
export function attachLoss(builder: Builder, logits: string, loss: Loss): string {
  return builder.emit('ReduceMean', [lossTerms(builder, logits, loss)], { keepdims: int(0) }, { output: 'loss' });
}

function lossTerms(builder: Builder, logits: string, loss: Loss): string {
  switch (loss) {
    case 'cross-entropy': {
      const classes = builder.ints([1]);
      const normalizer = builder.emit('ReduceLogSumExp', [logits, classes], { keepdims: int(0) });
      const chosen = builder.emit('ReduceSum', [builder.emit('Mul', [logits, TARGETS_INPUT]), classes], { keepdims: int(0) });
      return builder.emit('Sub', [normalizer, chosen]);
    }
    case 'mse': {
      const difference = builder.emit('Sub', [logits, TARGETS_INPUT]);
      return builder.emit('Mul', [difference, difference]);
    }
    case 'bce':
      return builder.emit('Sub', [builder.emit('Softplus', [logits]), builder.emit('Mul', [logits, TARGETS_INPUT])]);
  }
}
