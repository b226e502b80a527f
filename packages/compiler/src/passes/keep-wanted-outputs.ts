import { prune } from '@hadamard-adapter/graph/internal';
import { HIDDEN } from '../forms/names.js';
import type { Pass } from './pass.js';

/** What leads nowhere is not looked at: an operator that nobody knows may stand in a head that is cut off anyway. */
export const keepWantedOutputs: Pass = {
  name: 'keep-wanted-outputs',
  does: 'Leaves out outputs that are not needed, and what only they need.',
  needs: 'nothing',
  guarantees: 'outputs are the hidden states alone, where they are one and the head is not kept',
  run(graph, { keepHead }) {
    const named = graph.outputs.filter(({ name }) => name === HIDDEN);
    return prune(named.length === 0 || keepHead ? graph : { ...graph, outputs: named });
  },
};
