import type { Graph, ValueInfo } from '@hadamard-adapter/graph/internal';

/** What passes are told besides the graph. */
export interface PassContext {
  /** Keep the classifier that the model came with; otherwise it is cut back to its encoder. */
  readonly keepHead: boolean;
  /** Outputs of the model as it came. */
  readonly declared: readonly ValueInfo[];
}

/**
 * A named function from graph to graph. It runs nothing, shares the weights that it does not change, and calls no other
 * pass: their order is told by the list in `passes.ts` alone. One that cannot prove its condition leaves the graph as
 * it is.
 */
export interface Pass {
  readonly name: string;
  /** What it does, in one sentence. */
  readonly does: string;
  /** What has to hold before. */
  readonly needs: string;
  /** What holds behind it. */
  readonly guarantees: string;
  readonly run: (graph: Graph, context: PassContext) => Graph;
}
