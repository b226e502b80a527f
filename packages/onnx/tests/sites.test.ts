import { describe, expect, it } from 'vitest';
import { canonicalize, findSites, type Graph } from '../src/index.js';
import { packagedCanonical, packagedGraph, packagedModels } from './support/packaged.js';

/** The same graph with every value called something else, but for inputs and outputs. */
function renamed(graph: Graph): Graph {
  const kept = new Set([...graph.inputs, ...graph.outputs].map(({ name }) => name));
  const names = new Map<string, string>([['', '']]);
  const rename = (name: string): string => {
    if (kept.has(name)) return name;
    // Alphabetical order is shuffled as well: a hash of the number, not the number.
    const fresh = names.get(name) ?? `v${(Math.imul(names.size + 1, 2654435761) >>> 0).toString(36)}`;
    names.set(name, fresh);
    return fresh;
  };
  return {
    ...graph,
    nodes: graph.nodes.map((node, i) => ({ ...node, name: `n${(i * 7919) % 1009}`, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) })),
    tensors: new Map([...graph.tensors].map(([name, tensor]) => [rename(name), tensor])),
  };
}

describe.each(packagedModels())('%s', (name) => {
  const sites = findSites(packagedCanonical(name));

  it('has a site in each of its three layers, in order', () => {
    expect(sites.map(({ layer, key, channels }) => [layer, key, channels])).toEqual([0, 1, 2].map((layer) => [layer, `layer.${layer}`, 32]));
    const { graph } = packagedCanonical(name);
    const positions = sites.map(({ projection }) => graph.nodes.findIndex(({ outputs }) => outputs[0] === projection.outputs[0]));
    expect(positions).toEqual(positions.toSorted((a, b) => a - b));
  });

  it('knows both norms of each layer by what they are called in the checkpoint', () => {
    const module = (layer: number): RegExp => new RegExp(`layer\\.${layer}\\.`);
    for (const { layer, attentionNorm, outputNorm } of sites) {
      expect(attentionNorm.inputs[1]).toMatch(module(layer));
      expect(outputNorm.inputs[1]).toMatch(module(layer));
      expect(attentionNorm.inputs[1]).toMatch(/attention\.output\.LayerNorm\.weight$|sa_layer_norm\.weight$/);
      expect(outputNorm.inputs[1]).toMatch(/(?<!attention\.)output\.LayerNorm\.weight$|output_layer_norm\.weight$/);
    }
  });

  it('is found by structure: names do not matter', () => {
    const found = findSites(canonicalize(renamed(packagedGraph(name))));
    const { graph } = packagedCanonical(name);
    const same = (mine: string | undefined, theirs: string | undefined): void => {
      // Weights are shared between the two graphs, so the tensor behind a name tells which place it is.
      const original = graph.tensors.get(mine ?? '');
      expect(original).toBeDefined();
      expect(canonicalize(renamed(packagedGraph(name))).graph.tensors.get(theirs ?? '')?.bytes).toEqual(original?.bytes);
    };
    expect(found).toHaveLength(sites.length);
    found.forEach((site, i) => {
      same(sites[i]?.projection.inputs[1], site.projection.inputs[1]);
      same(sites[i]?.attentionNorm.inputs[1], site.attentionNorm.inputs[1]);
      same(sites[i]?.outputNorm.inputs[1], site.outputNorm.inputs[1]);
    });
  });
});

describe('a model without a site', () => {
  it('is refused with what it has instead', () => {
    const { graph, ...rest } = packagedCanonical('bert/model.onnx');
    const without = { ...rest, graph: { ...graph, nodes: graph.nodes.map((node) => (node.op === 'Attention' ? { ...node, op: 'Identity', inputs: node.inputs.slice(0, 1) } : node)) } };
    expect(() => findSites(without)).toThrow(expect.objectContaining({ code: 'SITES_NONE', message: expect.stringContaining('Linear') }));
  });

  it('or one whose context is read twice, since an adapter there would be at two places', () => {
    const canonical = packagedCanonical('bert/model.onnx');
    const context = findSites(canonical)[1]?.context as string;
    const { graph } = canonical;
    const twice: Graph = { ...graph, nodes: [...graph.nodes, { op: 'Neg', domain: '', name: 'spy', inputs: [context], outputs: ['spied'], attributes: {} }], outputs: [...graph.outputs, { name: 'spied', dtype: 'float32', dims: [] }] };
    expect(() => findSites({ ...canonical, graph: twice })).toThrow(expect.objectContaining({ code: 'SITE_AMBIGUOUS', message: expect.stringContaining('layer 1') }));
  });
});
