import type { Norm, Site } from '@hadamard-adapter/core';
import { type Graph, type Node, type Tensor, makeNode } from '@hadamard-adapter/graph/internal';
import { chooseNorms, chooseSites, type SiteChoice } from '../sites/choose.js';
import type { SiteInfo } from '../sites/sites.js';
import { parameterInput, type Parameter } from './parameters.js';

/** The chosen sites carry an adapter and train their norms. */
export interface AdapterPlacement extends SiteChoice {
  /** `none`: norms only. */
  readonly site: Site | 'none';
  readonly norm: Norm;
  /** Train scale and shift of the adapter, or one of them. Default `both`, as the paper does. */
  readonly parts?: AdapterParts;
  /**
   * Give a norm that several layers share parameters of its own in each. Default false: it is trained once, under the
   * name of the first.
   */
  readonly separateNorms?: boolean;
}

export type AdapterParts = 'both' | 'scale' | 'shift';

export interface Insertion {
  readonly graph: Graph;
  readonly parameters: readonly Parameter[];
}

/**
 * Put `y = w ⊙ x + b` (paper, equation 4) on the chosen site of the chosen layers, and make the scale and shift of
 * their LayerNorms parameters. Every parameter becomes an input of the graph; base weights stay what they are. With w =
 * 1 and b = 0 the graph computes what it did before, to the bit.
 *
 * @throws ConfigError ADAPTER_LAYERS, ADAPTER_CROSS; UnsupportedError NORM_MISSING.
 */
export function insertAdapters(graph: Graph, sites: readonly SiteInfo[], placement: AdapterPlacement): Insertion {
  const chosen = chooseSites(sites, placement);
  const adapters = new Map<string, Vectors>();
  const { site, parts = 'both' } = placement;
  for (const info of site === 'none' ? [] : chosen) {
    const place = site === 'output' ? 'output' : 'context';
    adapters.set(info[place], makeVectors(`${info.key}.adapter`, info.channels[place], parts));
  }
  const norms = normParameters(graph, chosen, placement);
  return insertVectors(graph, adapters, norms.parameters, norms.replaced);
}

/** Trained vectors of one place: y = w ⊙ x + b, or half of it. */
export interface Vectors {
  readonly scale?: Parameter;
  readonly shift?: Parameter;
}

export function makeVectors(name: string, channels: number, parts: AdapterParts): Vectors {
  const vector = (part: string, fill: number): Parameter => ({
    name: `${name}.${part}`,
    group: 'adapter',
    shape: [channels],
    initial: { fill },
  });
  return {
    ...(parts === 'shift' ? {} : { scale: vector('weight', 1) }),
    ...(parts === 'scale' ? {} : { shift: vector('bias', 0) }),
  };
}

/** The graph with vectors behind the values that they belong to, and norms that read parameters. */
export function insertVectors(
  graph: Graph,
  vectors: ReadonlyMap<string, Vectors>,
  norms: readonly Parameter[] = [],
  replaced: NormParameters['replaced'] = new Map(),
): Insertion {
  const parameters = [
    ...[...vectors.values()].flatMap(({ scale, shift }) => [
      ...(scale === undefined ? [] : [scale]),
      ...(shift === undefined ? [] : [shift]),
    ]),
    ...norms,
  ];
  return {
    graph: {
      ...graph,
      inputs: [...graph.inputs, ...parameters.map(parameterInput)],
      nodes: graph.nodes.flatMap((node) => adaptNode(node, vectors, replaced)),
    },
    parameters,
  };
}

/**
 * The node itself, reading adapted values and parameters where it read plain ones; behind the producer of a place, its
 * vectors.
 */
function adaptNode(node: Node, vectors: ReadonlyMap<string, Vectors>, norms: NormParameters['replaced']): Node[] {
  const ownNorm = norms.get(node);
  const inputs = node.inputs.map((input) => (vectors.has(input) ? adaptedName(input) : (ownNorm?.get(input) ?? input)));
  const result = [inputs.every((input, i) => input === node.inputs[i]) ? node : { ...node, inputs }];
  for (const output of node.outputs) {
    const { scale, shift } = vectors.get(output) ?? {};
    const scaled = shift === undefined ? adaptedName(output) : `${output}_scaled`;
    if (scale !== undefined) result.push(makeNode('Mul', [output, scale.name], [scaled]));
    if (shift !== undefined)
      result.push(makeNode('Add', [scale === undefined ? output : scaled, shift.name], [adaptedName(output)]));
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

/**
 * A parameter for each distinct tensor of the norms of the chosen sites; a norm that several layers share is trained
 * once, under the name of the first, unless they are kept separate.
 */
export function normParameters(
  graph: Graph,
  sites: readonly SiteInfo[],
  { norm, separateNorms = false }: Pick<AdapterPlacement, 'norm' | 'separateNorms'>,
): NormParameters {
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
      const parameter: Parameter = known ?? {
        name: `${prefix}.${i === 0 ? 'weight' : 'bias'}`,
        group: 'norm',
        shape: tensor.dims,
        source,
        initial: { tensor: source },
      };
      shared.set(source, parameter);
      parameters.add(parameter);
      names.set(source, parameter.name);
    });
  };
  for (const site of sites) for (const { node, prefix } of chooseNorms(site, norm)) train(node, prefix);
  return { parameters: [...parameters], replaced };
}
