import { ConfigError, UnsupportedError } from '@hadamard-adapter/core';
import { elementAt, present } from '@hadamard-adapter/core/internal';
import { channelsOf, isAdapter, type HadamardAdapterClass } from './adapter-layer.js';
import { layersIn, modelsIn, nodeOf, nodesOf } from './graph.js';
import { checkModel, type KerasTf, type Layer, type LayersModel, type Node, type SymbolicTensor } from './keras-tf.js';
import { selectLayers, type LayerMatch } from './match.js';

export interface InjectOptions {
  /**
   * The self-attention layers, or whichever layers an adapter shall sit behind; looked for in nested models as well.
   */
  readonly match: LayerMatch;
}

/** Name of the adapter behind a layer. */
export const adapterName = (layer: string): string => `${layer}_hadamard`;

/**
 * A new model with a HadamardAdapter, named `<layer>_hadamard`, behind every output of the layers that match (Chen et
 * al. 2023, section 3.2). It predicts what `model` predicts until it is trained.
 *
 * The layers are **shared, not copied**: the layer objects of `model` are called a second time. So no weight takes
 * memory twice, a weight trained in one model is trained in the other, and several adapted models can be made of one.
 * Layers count their uses: dispose both models, in any order, and the weights go with the last. A layer of two models
 * has two outputs, so ask it for `getOutputAt(0)` instead of `output`.
 *
 * A sequential model comes back as a functional one, nested models are rebuilt around their layers, and a layer that is
 * called several times has one adapter for all its calls. The new model is not compiled.
 *
 * @throws ConfigError LAYER_UNKNOWN, ADAPTERS_PRESENT, ADAPTER_NAME, MODEL_KIND, TF_COPIES; UnsupportedError
 *   ADAPTER_SITE for a layer with several outputs; MismatchError ADAPTER_SHAPE for an output whose last axis is
 *   unknown; RuntimeError MODEL_DISPOSED. `model` is untouched then.
 */
export function injectAdapters(
  tf: KerasTf,
  HadamardAdapter: HadamardAdapterClass,
  model: LayersModel,
  { match }: InjectOptions,
): LayersModel {
  checkModel(tf, model);
  const layers = layersIn(tf, model);
  const present = layers.filter(isAdapter);
  if (present.length > 0) {
    throw new ConfigError(`The model "${model.name}" has adapters already`, {
      code: 'ADAPTERS_PRESENT',
      found: present.map(({ name }) => name).join(', '),
      expected: 'a model without',
      hint: 'Name all layers in one call, on the model without adapters.',
    });
  }
  const sites = new Set(selectLayers(layers, match, 'adapted'));
  // All of it before the first layer is called: a call cannot be taken back.
  for (const inner of modelsIn(tf, model)) checkSites(inner, sites);
  const adapters = new Map([...sites].map((layer) => [layer, new HadamardAdapter({ name: adapterName(layer.name) })]));
  return rebuild(tf, model, adapters, new Map());
}

function checkSites(model: LayersModel, sites: ReadonlySet<Layer>): void {
  const nodes = nodesOf(model);
  const names = new Set(nodes.map(({ outboundLayer }) => outboundLayer.name));
  for (const { outboundLayer: layer, outputTensors } of nodes.filter(({ outboundLayer }) => sites.has(outboundLayer))) {
    if (outputTensors.length !== 1) {
      throw new UnsupportedError(`An adapter cannot sit behind "${layer.name}"`, {
        code: 'ADAPTER_SITE',
        found: `${outputTensors.length} outputs`,
        expected: 'one',
        hint: 'Match the layer that takes the output to be adapted.',
      });
    }
    channelsOf(elementAt(outputTensors, 0).shape, `"${layer.name}"`);
    if (names.has(adapterName(layer.name))) {
      throw new ConfigError('The name of an adapter is taken', {
        code: 'ADAPTER_NAME',
        found: `a layer "${adapterName(layer.name)}"`,
        expected: `no layer of that name beside "${layer.name}"`,
      });
    }
  }
}

/**
 * Call the layers of `model` again, in order, with adapters between them. `nested`: models that were rebuilt before,
 * for one that is called several times.
 */
function rebuild(
  tf: KerasTf,
  model: LayersModel,
  adapters: ReadonlyMap<Layer, Layer>,
  nested: Map<LayersModel, LayersModel>,
): LayersModel {
  const tensors = new Map<number, SymbolicTensor>(model.inputs.map((input) => [input.id, input]));
  const now = ({ id }: SymbolicTensor): SymbolicTensor => present(tensors.get(id));
  const callable = (layer: Layer): Layer => {
    if (!(layer instanceof tf.LayersModel)) return layer;
    const rebuilt = nested.get(layer) ?? rebuild(tf, layer, adapters, nested);
    nested.set(layer, rebuilt);
    return rebuilt;
  };
  const inputs = new Set(model.inputs.map(nodeOf));
  for (const node of nodesOf(model)) {
    if (inputs.has(node)) continue;
    const adapter = adapters.get(node.outboundLayer);
    const called = apply(callable(node.outboundLayer), node.inputTensors.map(now), settingsOf(node));
    const outputs = adapter === undefined ? called : apply(adapter, called);
    node.outputTensors.forEach(({ id }, i) => tensors.set(id, elementAt(outputs, i)));
  }
  return tf.model({ inputs: model.inputs, outputs: model.outputs.map(now), name: model.name });
}

function apply(layer: Layer, inputs: SymbolicTensor[], settings: Node['callArgs'] = {}): SymbolicTensor[] {
  // A layer that is called with symbolic tensors answers such.
  return [layer.apply(inputs.length === 1 ? elementAt(inputs, 0) : inputs, settings)].flat() as SymbolicTensor[];
}

/**
 * What a layer was called with beside tensors. Masks, and the states of a recurrent layer, which are among its inputs,
 * belong to the other call.
 */
function settingsOf({ callArgs }: Node): NonNullable<Node['callArgs']> {
  return Object.fromEntries(
    Object.entries(callArgs ?? {}).filter(([, value]) => ['boolean', 'number', 'string'].includes(typeof value)),
  );
}
