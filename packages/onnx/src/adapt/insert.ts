import { ConfigError, type Norm, type Site } from '@hadamard-adapter/core';
import type { Graph, Node, Tensor } from '../graph/graph.js';
import { makeNode } from '../graph/rewrite.js';
import type { SiteInfo } from '../sites/sites.js';
import { parameterInput, type Parameter } from './parameters.js';

export interface AdapterPlacement {
  /** `none`: norms only. */
  readonly site: Site | 'none';
  readonly norm: Norm;
  /** Layers that carry an adapter and train their norms; default all. */
  readonly layers?: readonly number[];
}

export interface Insertion {
  readonly graph: Graph;
  readonly parameters: readonly Parameter[];
}

/**
 * Put `y = w ⊙ x + b` (paper, equation 4) on the chosen site of the chosen layers, and make the scale and shift of their LayerNorms parameters. Every
 * parameter becomes an input of the graph; base weights stay what they are. With w = 1 and b = 0 the graph computes what it did before, to the bit.
 *
 * @throws ConfigError ADAPTER_LAYERS for a layer that does not exist or is named twice, or none at all.
 */
export function insertAdapters(graph: Graph, sites: readonly SiteInfo[], placement: AdapterPlacement): Insertion {
  const chosen = chooseLayers(sites, placement.layers);
  const adapters = new Map<string, Parameter[]>();
  for (const info of placement.site === 'none' ? [] : chosen) {
    const shape = [info.channels];
    adapters.set(placement.site === 'context' ? info.context : info.output, [
      { name: `${info.key}.adapter.weight`, group: 'adapter', shape, initial: { fill: 1 } },
      { name: `${info.key}.adapter.bias`, group: 'adapter', shape, initial: { fill: 0 } },
    ]);
  }
  const norms = normParameters(graph, chosen, placement.norm);
  const parameters = [...[...adapters.values()].flat(), ...norms.parameters];
  return {
    graph: {
      ...graph,
      inputs: [...graph.inputs, ...parameters.map(parameterInput)],
      nodes: graph.nodes.flatMap((node) => adaptNode(node, adapters, norms.replaced)),
    },
    parameters,
  };
}

/** The node itself, reading adapted values and parameters where it read plain ones; behind the producer of a site, its adapter. */
function adaptNode(node: Node, adapters: ReadonlyMap<string, readonly Parameter[]>, norms: ReadonlyMap<Node, ReadonlyMap<string, string>>): Node[] {
  const ownNorm = norms.get(node);
  const inputs = node.inputs.map((input) => (adapters.has(input) ? adaptedName(input) : (ownNorm?.get(input) ?? input)));
  const result = [inputs.every((input, i) => input === node.inputs[i]) ? node : { ...node, inputs }];
  for (const output of node.outputs) {
    const [weight, bias] = adapters.get(output) ?? [];
    if (weight === undefined || bias === undefined) continue;
    result.push(makeNode('Mul', [output, weight.name], [`${output}_scaled`]), makeNode('Add', [`${output}_scaled`, bias.name], [adaptedName(output)]));
  }
  return result;
}

/** Name of the value behind the adapter that sits on `value`. */
export const adaptedName = (value: string): string => `${value}_adapted`;

function chooseLayers(sites: readonly SiteInfo[], layers: readonly number[] | undefined): SiteInfo[] {
  if (layers === undefined) return [...sites];
  const chosen = sites.filter(({ layer }) => layers.includes(layer));
  if (chosen.length === 0 || chosen.length !== layers.length) {
    throw new ConfigError('The adapter cannot sit on these layers', {
      code: 'ADAPTER_LAYERS',
      found: layers.length === 0 ? 'no layer' : layers.join(', '),
      expected: `some of 0 to ${sites.length - 1}, each once`,
    });
  }
  return chosen;
}

/** A parameter for each distinct tensor of the chosen norms; a norm that several layers share is trained once, under the name of the first. */
function normParameters(graph: Graph, sites: readonly SiteInfo[], norm: Norm): { parameters: Parameter[]; replaced: Map<Node, Map<string, string>> } {
  const bySource = new Map<string, Parameter>();
  const replaced = new Map<Node, Map<string, string>>();
  const train = (node: Node, prefix: string): void => {
    const names = replaced.get(node) ?? new Map<string, string>();
    replaced.set(node, names);
    node.inputs.slice(1).forEach((source, i) => {
      const tensor: Tensor | undefined = graph.tensors.get(source);
      if (tensor === undefined) return;
      const parameter: Parameter = bySource.get(source) ?? {
        name: `${prefix}.${i === 0 ? 'weight' : 'bias'}`,
        group: 'norm',
        shape: tensor.dims,
        source,
        initial: { tensor: source },
      };
      bySource.set(source, parameter);
      names.set(source, parameter.name);
    });
  };
  for (const { key, attentionNorm, outputNorm } of sites) {
    if (norm === 'attention' || norm === 'both') train(attentionNorm, `${key}.attention_norm`);
    if (norm === 'output' || norm === 'both') train(outputNorm, `${key}.output_norm`);
  }
  return { parameters: [...bySource.values()], replaced };
}
