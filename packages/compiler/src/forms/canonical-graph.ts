import type { Precision } from '@hadamard-adapter/core';
import type { Graph } from '@hadamard-adapter/graph/internal';

/**
 * A graph in the few forms that the later steps know, with the value that holds the hidden states of the last layer.
 */
export interface CanonicalGraph {
  /** Outputs: the hidden states, and `logits` where the head of the model is kept. */
  readonly graph: Graph;
  /** [batch, sequence, hiddenSize], float32. */
  readonly hidden: string;
  readonly hiddenSize: number;
  /** Labels of the model's own head, where that is kept. */
  readonly numLabels: number | undefined;
  /** Whether that head answers for each token: logits [batch, sequence, labels]. */
  readonly perToken: boolean;
  /** Outputs of the model that are not used, as people read them: `logits [batch, 2]`. */
  readonly cut: readonly string[];
  /** Numbers in the weights of the model as it came, poolers and heads included. */
  readonly parameterCount: number;
  /**
   * How the file stores its matrices. Inference runs them as they are; training differentiates through what they stand
   * for.
   */
  readonly precision: Precision;
}
