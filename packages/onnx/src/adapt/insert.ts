import type { Norm, Site } from '@hadamard-adapter/core';
import type { Graph, Node, Tensor } from '../graph/graph.js';
import { makeNode } from '../graph/rewrite.js';
import { chooseNorms, chooseSites, type SiteChoice } from '../sites/choose.js';
import type { SiteInfo } from '../sites/sites.js';
import { parameterInput, type Parameter } from './parameters.js';

/** The chosen sites carry an adapter and train their norms. */
export interface AdapterPlacement extends SiteChoice {
  /** `none`: norms only. */
  readonly site: Site | 'none';
  readonly norm: Norm;
  /** Give a norm that several layers share parameters of its own in each. Default false: it is trained once, under the name of the first. */
  readonly separateNorms?: boolean;
}

export interface Insertion {
  readonly graph: Graph;
  readonly parameters: readonly Parameter[];
}

/**
 * Put `y = w ⊙ x + b` (paper, equation 4) on the chosen site of the chosen layers, and make the scale and shift of their LayerNorms parameters. Every
 * parameter becomes an input of the graph; base weights stay what they are. With w = 1 and b = 0 the graph computes what it did before, to the bit.
 *
 * @throws ConfigError ADAPTER_LAYERS, ADAPTER_CROSS; UnsupportedError NORM_MISSING.
 */
export function insertAdapters(graph: Graph, sites: readonly SiteInfo[], placement: AdapterPlacement): Insertion {
  const chosen = chooseSites(sites, placement);
  const adapters = new Map<string, Parameter[]>();
  const { site } = placement;
  for (const info of site === 'none' ? [] : chosen) {
    const place = site === 'output' ? 'output' : 'context';
    const shape = [info.channels[place]];
    adapters.set(info[place], [
      { name: `${info.key}.adapter.weight`, group: 'adapter', shape, initial: { fill: 1 } },
      { name: `${info.key}.adapter.bias`, group: 'adapter', shape, initial: { fill: 0 } },
    ]);
  }
  const norms = normParameters(graph, chosen, placement);
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

/** Parameters of norms, and by node the name of the parameter that stands for each of its tensors. */
export interface NormParameters {
  readonly parameters: readonly Parameter[];
  readonly replaced: ReadonlyMap<Node, ReadonlyMap<string, string>>;
}

/** A parameter for each distinct tensor of the norms of the chosen sites; a norm that several layers share is trained once, under the name of the first, unless they are kept separate. */
export function normParameters(graph: Graph, sites: readonly SiteInfo[], { norm, separateNorms = false }: Pick<AdapterPlacement, 'norm' | 'separateNorms'>): NormParameters {
  const shared = new Map<string, Parameter>();
  const parameters = new Set<Parameter>();
  const replaced = new Map<Node, Map<string, string>>();
  const train = (node: Node, prefix: string): void => {
    if (separateNorms && replaced.has(node)) return;
    const names = replaced.get(node) ?? new Map<string, string>();
    replaced.set(node, names);
    node.inputs.slice(1).forEach((source, i) => {
      const tensor: Tensor | undefined = graph.tensors.get(source);
      if (tensor === undefined) return;
      const known = separateNorms ? undefined : shared.get(source);
      const parameter: Parameter = known ?? { name: `${prefix}.${i === 0 ? 'weight' : 'bias'}`, group: 'norm', shape: tensor.dims, source, initial: { tensor: source } };
      shared.set(source, parameter);
      parameters.add(parameter);
      names.set(source, parameter.name);
    });
  };
  for (const site of sites) for (const { node, prefix } of chooseNorms(site, norm)) train(node, prefix);
  return { parameters: [...parameters], replaced };
}
