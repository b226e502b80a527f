import type { ParameterInfo } from '@hadamard-adapter/core';
import { builderOn, elementCount, int, type Graph } from '@hadamard-adapter/graph/internal';
import { PARAMETERS_INPUT } from '../forms/names.js';
import type { Pass } from './pass.js';

/**
 * A few hundred small tensors cost a runtime more than the arithmetic on them.
 *
 * @param order all parameters, in the order of the flat vector; those the graph does not read are skipped over.
 */
export const flattenParameters = (order: readonly ParameterInfo[]): Pass => ({
  name: 'flatten-parameters',
  does: 'Replaces the inputs of single parameters by slices of one flat input.',
  needs: 'every parameter is an input',
  guarantees: `one input, \`${PARAMETERS_INPUT}\` [n], carries all of them`,
  run: (graph) => flattened(graph, order),
});

function flattened(graph: Graph, order: readonly ParameterInfo[]): Graph {
  const used = new Set(graph.nodes.flatMap(({ inputs }) => inputs));
  const names = new Set(order.map(({ name }) => name));
  if (!order.some(({ name }) => used.has(name))) return graph;
  const size = order.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  const builder = builderOn(
    { ...graph, inputs: graph.inputs.filter(({ name }) => !names.has(name)) },
    { from: 'nothing' },
  );
  const parameters = builder.input({ name: PARAMETERS_INPUT, dtype: 'float32', dims: [size] });
  let start = 0;
  for (const { name, shape } of order) {
    const end = start + elementCount(shape);
    const slice = (output: string): string =>
      builder.emit(
        'Slice',
        [parameters, builder.ints([start]), builder.ints([end]), builder.ints([0])],
        {},
        { output },
      );
    if (used.has(name) && shape.length === 1) slice(name);
    else if (used.has(name)) {
      const flat = slice(`${name}/flat`);
      builder.emit('Reshape', [flat, builder.ints(shape)], { allowzero: int(0) }, { output: name });
    }
    start = end;
  }
  for (const node of graph.nodes) builder.keep(node);
  return builder.rebuilt();
}
