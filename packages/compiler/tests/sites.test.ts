import { describe, expect, it } from 'vitest';
import { canonicalize } from '../src/canonicalize.js';
import { findSites, type SiteInfo } from '../src/sites/sites.js';
import type { Graph } from '@hadamard-adapter/graph/internal';
import { packagedCanonical, packagedGolden, packagedGraph, packagedModels } from './support/packaged.js';

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
  let nodes = 0;
  const whole = (each: Graph): Graph => ({
    ...each,
    outputs: each.outputs.map((output) => ({ ...output, name: rename(output.name) })),
    nodes: each.nodes.map((node) => ({
      ...node,
      name: `n${(nodes++ * 7919) % 10007}`,
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
      attributes: Object.fromEntries(
        Object.entries(node.attributes).map(([key, attribute]) => [
          key,
          attribute.type === 'graph' ? { type: 'graph', value: whole(attribute.value) } : attribute,
        ]),
      ),
    })),
    tensors: new Map([...each.tensors].map(([name, tensor]) => [rename(name), tensor])),
  });
  return whole(graph);
}

describe.each(packagedModels())('%s', (name) => {
  const sites = findSites(packagedCanonical(name));

  const golden = packagedGolden(name.split('/')[0] as string);

  it('has the sites that PyTorch recorded, in order', () => {
    const keys = sites.map(({ key }) => key);
    expect(keys.toSorted()).toEqual(
      (golden.variants['context_cross'] ?? golden.variants['context'])?.adapters.map(({ key }) => key).toSorted(),
    );
    expect(sites.map(({ channels }) => channels)).toEqual(sites.map(() => ({ context: 32, output: 32 })));
    const { graph } = packagedCanonical(name);
    const positions = sites.map(({ projection }) =>
      graph.nodes.findIndex(({ outputs }) => outputs[0] === projection.outputs[0]),
    );
    expect(new Set(positions).size).toBe(sites.length);
    // Encoder and decoder may be interleaved in the file; within each, layers come one after the other.
    for (const part of ['encoder', 'decoder', 'layer']) {
      const own = positions.filter((_, i) => sites[i]?.key.startsWith(part));
      expect(own).toEqual(own.toSorted((a, b) => a - b));
    }
  });

  it('knows both norms of each layer by what they are called in the checkpoint', () => {
    const scales = (pick: 'attentionNorm' | 'outputNorm', which: SiteInfo[]): string[] =>
      [...new Set(which.map((site) => site[pick]?.inputs[1] ?? 'none'))].toSorted();
    const recorded = (modules: string[]): string[] => modules.map((module) => `${module}.weight`).toSorted();
    expect(scales('attentionNorm', sites)).toEqual(recorded(golden.attention_output_norms));
    expect(scales('outputNorm', sites)).toEqual(recorded(golden.ffn_output_norms));
    const self = sites.filter(({ kind }) => kind === 'self');
    for (const [i, { attentionNorm }] of self.entries())
      if (golden.attention_output_norms.length >= self.length)
        expect(attentionNorm?.inputs[1]).toBe(`${golden.attention_output_norms[i]}.weight`);
  });

  it('is found by structure: names do not matter', () => {
    const other = canonicalize(renamed(packagedGraph(name)));
    const found = findSites(other);
    const { graph } = packagedCanonical(name);
    const same = (mine: string | undefined, theirs: string | undefined): void => {
      // Weights are shared between the two graphs, so the tensor behind a name tells which place it is.
      const original = graph.tensors.get(mine ?? '');
      expect(original).toBeDefined();
      expect(other.graph.tensors.get(theirs ?? '')?.bytes).toEqual(original?.bytes);
    };
    expect(found).toHaveLength(sites.length);
    found.forEach((site, i) => {
      same(sites[i]?.projection.inputs[1], site.projection.inputs[1]);
      same(sites[i]?.attentionNorm?.inputs[1], site.attentionNorm?.inputs[1]);
      same(sites[i]?.outputNorm?.inputs[1], site.outputNorm?.inputs[1]);
    });
  });
});

describe('a model without a site', () => {
  it('is refused with what it has instead', () => {
    const { graph, ...rest } = packagedCanonical('bert/model.onnx');
    const without = {
      ...rest,
      graph: {
        ...graph,
        nodes: graph.nodes.map((node) =>
          node.op === 'Attention' ? { ...node, op: 'Identity', inputs: node.inputs.slice(0, 1) } : node,
        ),
      },
    };
    expect(() => findSites(without)).toThrow(
      expect.objectContaining({ code: 'SITES_NONE', message: expect.stringContaining('Linear') }),
    );
  });

  it('or one whose context is read twice, since an adapter there would be at two places', () => {
    const canonical = packagedCanonical('bert/model.onnx');
    const context = findSites(canonical)[1]?.context as string;
    const { graph } = canonical;
    const twice: Graph = {
      ...graph,
      nodes: [
        ...graph.nodes,
        { op: 'Neg', domain: '', name: 'spy', inputs: [context], outputs: ['spied'], attributes: {} },
      ],
      outputs: [...graph.outputs, { name: 'spied', dtype: 'float32', dims: [] }],
    };
    expect(() => findSites({ ...canonical, graph: twice })).toThrow(
      expect.objectContaining({ code: 'SITE_AMBIGUOUS', message: expect.stringContaining('layer.1') }),
    );
  });
});
