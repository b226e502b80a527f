import { operatorOf, rewrite, type Graph } from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';

/** Those of ONNX Runtime's transformer optimizer; weights are split by taking views, never copied. */
export const expandFused: Pass = {
  name: 'expand-fused',
  does: 'Writes fused operators out by their definitions.',
  needs: 'constants as tensors',
  guarantees: 'fused operators are left only inside branches, and where shapes have to be known first',
  run: (graph) =>
    expanded(graph, (node) => {
      const { expand, infer } = operatorOf(node);
      return infer === undefined ? expand : undefined;
    }),
};

export const expandFusedInBranches: Pass = {
  ...expandFused,
  name: 'expand-fused-in-branches',
  does: 'Writes out the fused operators that stood inside branches.',
  needs: 'branches resolved',
  guarantees: 'fused operators are left only where shapes have to be known first',
};

export const expandFusedProducts: Pass = {
  name: 'expand-fused-products',
  does: 'Writes out fused products, which have to know how many axes there are.',
  needs: 'shapes can be told',
  guarantees: 'no fused operator is left',
  run: (graph) => expanded(graph, (node) => operatorOf(node).expand),
};

function expanded(
  graph: Graph,
  expanderOf: (node: Graph['nodes'][number]) => ReturnType<typeof operatorOf>['expand'],
): Graph {
  return rewrite(graph, (node, builder) => {
    const expand = expanderOf(node);
    expand?.(node, builder);
    return expand !== undefined;
  });
}
