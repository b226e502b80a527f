import type { Builder } from '../../builder/builder.js';
import type { Node } from '../../ir/graph.js';

/** What a gradient rule is told about one node. */
export interface RuleContext {
  readonly node: Node;
  readonly builder: Builder;
  /** Gradient of the loss with respect to each output; undefined where none arrives. */
  readonly upstream: readonly (string | undefined)[];
  /** Whether the gradient of input `i` is wanted; a rule may emit nothing for the others. */
  wants(input: number): boolean;
}

/**
 * Vector–Jacobian product of one operator: emits nodes and answers the gradient for each input, of that input's shape;
 * undefined for inputs that are not wanted.
 */
export type GradientRule = (context: RuleContext) => readonly (string | undefined)[];
