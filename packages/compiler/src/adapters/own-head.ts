import { ConfigError } from '@hadamard-adapter/core';
import type { CanonicalGraph } from '../forms/canonical-graph.js';
import { intAttribute, isLinear, operatorOf, reach, type Graph } from '@hadamard-adapter/graph/internal';
import { expose } from './expose.js';
import type { Insertion } from './insert.js';
import type { Parameter } from './parameters.js';

/**
 * The classifier that a model came with, made trainable: every linear layer and norm behind the hidden states, under
 * the names of the file, starting from its own values.
 *
 * @throws ConfigError NUM_LABELS when it has another number of labels.
 */
export function exposeOwnHead(
  graph: Graph,
  { hidden, numLabels }: Pick<CanonicalGraph, 'hidden' | 'numLabels'>,
  wanted: number,
): Insertion {
  if (numLabels !== wanted) {
    throw new ConfigError("The model's own classifier has another number of labels", {
      code: 'NUM_LABELS',
      found: String(numLabels ?? 0),
      expected: String(wanted),
      hint: 'Use a new classifier: head "linear" or "tanh".',
    });
  }
  const behind = reach(graph.nodes, new Set([hidden]));
  const parameters = new Map<string, Parameter>();
  for (const node of graph.nodes) {
    const [output = ''] = node.outputs;
    const isTrained = isLinear(node) || operatorOf(node).isNorm === true;
    if (output === hidden || !behind.has(output) || !isTrained) continue;
    node.inputs.slice(1).forEach((name, i) => {
      const tensor = graph.tensors.get(name);
      if (tensor === undefined) return;
      const transposed = isLinear(node) && i === 0 && intAttribute(node, 'transB', 0) === 0;
      parameters.set(name, {
        name,
        group: 'classifier',
        shape: tensor.dims,
        source: name,
        initial: { tensor: name },
        ...(transposed ? { transposed } : {}),
      });
    });
  }
  return expose(graph, [...parameters.values()]);
}
