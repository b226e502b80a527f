import { elementAt } from '@hadamard-adapter/core/internal';
import type { KerasTf, Layer, LayersModel, Node, SymbolicTensor } from './keras-tf.js';

/** The call that made a tensor. */
export const nodeOf = (tensor: SymbolicTensor): Node => elementAt(tensor.sourceLayer.inboundNodes, tensor.nodeIndex);

/**
 * All calls of layers in a model, each after those that it takes its inputs from. A layer may be called several times,
 * and may have calls that belong to other models: those are not among them. A nested model is one call here.
 */
export function nodesOf(model: LayersModel): Node[] {
  const nodes = new Set<Node>();
  const visit = (node: Node): void => {
    if (nodes.has(node)) return;
    for (const input of node.inputTensors) if (nodeOf(input) !== node) visit(nodeOf(input));
    nodes.add(node);
  };
  for (const output of model.outputs) visit(nodeOf(output));
  return [...nodes];
}

/** A model and the models nested in it, outer ones first. */
export function modelsIn(tf: KerasTf, model: LayersModel): LayersModel[] {
  const nested = layersOf(model).filter((layer): layer is LayersModel => layer instanceof tf.LayersModel);
  return [model, ...nested.flatMap((inner) => modelsIn(tf, inner))];
}

/**
 * The layers of a model and of the models nested in it, nested models themselves included, in the order in which they
 * are computed.
 */
export function layersIn(tf: KerasTf, model: LayersModel): Layer[] {
  const all = layersOf(model).flatMap((layer) =>
    layer instanceof tf.LayersModel ? [...layersIn(tf, layer), layer] : [layer],
  );
  return [...new Set(all)];
}

/**
 * From the calls and not from `model.layers`: a sequential model that begins with a nested one has that one's calls.
 */
const layersOf = (model: LayersModel): Layer[] => [
  ...new Set(nodesOf(model).map(({ outboundLayer }) => outboundLayer)),
];
