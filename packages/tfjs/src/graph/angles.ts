import { indexGraph, type Graph } from '@hadamard-adapter/onnx';

/**
 * The values that lead to a sine or cosine: rotary positions. GPUs take these functions of large angles to three digits only, so that they are computed here, from the frequencies on.
 */
export function anglesOf(graph: Graph): ReadonlySet<string> {
  const { producer } = indexGraph(graph);
  const angles = new Set(graph.nodes.flatMap(({ op, inputs }) => (op === 'Sin' || op === 'Cos' ? [...inputs] : [])));
  // A Set is walked in the order of insertion, so what is added on the way is visited too.
  for (const name of angles) for (const input of producer.get(name)?.inputs ?? []) angles.add(input);
  return angles;
}
