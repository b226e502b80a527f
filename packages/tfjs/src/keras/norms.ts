import { isAdapter } from './adapter-layer.js';
import { modelsIn, nodesOf } from './graph.js';
import type { KerasTf, Layer, LayersModel, Node } from './keras-tf.js';

const isNorm = (layer: Layer): boolean => layer.getClassName() === 'LayerNormalization';

/**
 * The LayerNormalization that comes next behind each adapter (Chen et al. 2023, section 3.2: one per layer is trained
 * with it), whatever lies between: the output projection, dropout, the residual sum. None for an adapter that another
 * adapter or the end of its model comes before.
 */
export function nextNorms(tf: KerasTf, model: LayersModel): Layer[] {
  const norms = modelsIn(tf, model).flatMap((inner) => {
    const nodes = nodesOf(inner);
    return nodes.filter(({ outboundLayer }) => isAdapter(outboundLayer)).map((node) => nextNorm(nodes, node));
  });
  return [...new Set(norms)].filter((norm) => norm !== undefined);
}

/** Breadth first: along the residual connections every later norm can be reached, and the nearest one is meant. */
function nextNorm(nodes: readonly Node[], adapter: Node): Layer | undefined {
  const seen = new Set([adapter]);
  for (let front = [adapter]; front.length > 0;) {
    const outputs = new Set(front.flatMap(({ outputTensors }) => outputTensors));
    front = nodes.filter(
      (node) =>
        !seen.has(node) && !isAdapter(node.outboundLayer) && node.inputTensors.some((input) => outputs.has(input)),
    );
    const norm = front.find(({ outboundLayer }) => isNorm(outboundLayer));
    if (norm !== undefined) return norm.outboundLayer;
    for (const node of front) seen.add(node);
  }
  return undefined;
}
