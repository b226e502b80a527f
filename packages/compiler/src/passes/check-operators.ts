import { factsOf } from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';

export const checkOperators: Pass = {
  name: 'check-operators',
  does: 'Refuses a graph with an operator that is not known, or whose shapes contradict each other.',
  needs: 'only what is needed is left',
  guarantees: 'type and shape of every value can be told',
  run(graph) {
    const facts = factsOf(graph);
    for (const { outputs } of graph.nodes) for (const output of outputs) if (output !== '') facts.of(output);
    return graph;
  },
};
