import type { Graph } from '@hadamard-adapter/graph/internal';
import type { Insertion } from './insert.js';
import { parameterInput, type Parameter } from './parameters.js';

/** Tensors of the graph as inputs: each parameter takes the place of the tensor of its name. */
export function expose(graph: Graph, parameters: readonly Parameter[]): Insertion {
  const names = new Set(parameters.map(({ name }) => name));
  return {
    graph: {
      ...graph,
      inputs: [...graph.inputs, ...parameters.map(parameterInput)],
      tensors: new Map([...graph.tensors].filter(([name]) => !names.has(name))),
    },
    parameters,
  };
}
