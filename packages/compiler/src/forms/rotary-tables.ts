import { type Graph, indexGraph } from '@hadamard-adapter/graph/internal';

/**
 * Constants that reach the model through Cos and Sin alone: the frequencies of rotary positions. They are no weights;
 * exporters store them among the weights all the same.
 */
export function rotaryTables(graph: Graph): ReadonlySet<string> {
  const { producer, consumers } = indexGraph(graph);
  const turned = graph.nodes.filter(({ op, domain }) => domain === '' && (op === 'Cos' || op === 'Sin'));
  const upstream = new Set(turned);
  for (const { inputs } of upstream)
    for (const input of inputs) {
      const node = producer.get(input);
      if (node !== undefined) upstream.add(node);
    }
  const read = new Set([...upstream].flatMap(({ inputs }) => inputs));
  return new Set(
    [...read].filter(
      (name) => graph.tensors.has(name) && (consumers.get(name) ?? []).every((node) => upstream.has(node)),
    ),
  );
}
