import { describe, expect, it } from 'vitest';
import { buildAdapterModel } from '../src/model.js';
import { canonicalize } from '../src/canonicalize.js';
import { float32Tensor, type Graph, type Tensor } from '@hadamard-adapter/graph/internal';
import { runPasses } from '../src/passes.js';
import { unshareVectors as unsharePass } from '../src/passes/unshare-vectors.js';

const unshareVectors = (source: Graph): Graph => runPasses([unsharePass], source);
import { packagedGraph } from './support/packaged.js';

/**
 * A model as it is before any training, stored as exporters do: all biases are one tensor of zeros, all scales one of
 * ones.
 */
function untrained(graph: Graph): Graph {
  const stored = new Map<string, Tensor>();
  const names = new Map<string, string>();
  for (const [name, tensor] of graph.tensors) {
    const isVector = tensor.dtype === 'float32' && tensor.dims.length === 1 && (tensor.dims[0] as number) > 1;
    const fill = /LayerNorm\.weight|layer_norm\.weight/.test(name) ? 1 : 0;
    const shared = isVector ? `all_${fill}_${tensor.dims[0]}` : name;
    names.set(name, shared);
    stored.set(shared, isVector ? float32Tensor(new Float32Array(tensor.dims[0] as number).fill(fill)) : tensor);
  }
  return {
    ...graph,
    tensors: stored,
    nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map((name) => names.get(name) ?? name) })),
  };
}

describe.each([
  'bert/model.onnx',
  'roberta/model.classic.onnx',
  'distilbert/model.opset17.onnx',
  'electra/model.dynamo.onnx',
])('%s before any training', (name) => {
  const source = packagedGraph(name);
  const canonical = canonicalize(untrained(source));

  it('has as many numbers as after', () => {
    expect(untrained(source).tensors.size).toBeLessThan(source.tensors.size - 20);
    expect(canonical.parameterCount).toBe(canonicalize(source).parameterCount);
  });

  it('has norms of its own in each layer, to be trained apart', () => {
    const options = {
      site: 'context',
      norm: 'both',
      pooling: 'first',
      head: 'linear',
      numLabels: 2,
      loss: 'cross-entropy',
    } as const;
    const norms = (graph: Graph): number =>
      buildAdapterModel(canonicalize(graph), options).parameters.filter(({ group }) => group === 'norm').length;
    expect(norms(untrained(source))).toBe(3 * 2 * 2);
    expect(norms(source)).toBe(3 * 2 * 2);
  });
});

describe('taking apart', () => {
  const graph = (tensors: Record<string, Tensor>): Graph => ({
    name: 'shared',
    opsets: new Map([['', 18]]),
    inputs: [{ name: 'x', dtype: 'float32', dims: [2] }],
    outputs: [{ name: 'y', dtype: 'float32', dims: [2] }],
    nodes: [
      { op: 'Add', domain: '', name: '', inputs: ['x', 'v'], outputs: ['h'], attributes: {} },
      { op: 'Mul', domain: '', name: '', inputs: ['h', 'v'], outputs: ['y'], attributes: {} },
    ],
    tensors: new Map(Object.entries(tensors)),
  });

  it('gives each use its own name over the same bytes', () => {
    const v = float32Tensor([3, 3]);
    const { tensors, nodes } = unshareVectors(graph({ v }));
    expect(nodes.map(({ inputs }) => inputs)).toEqual([
      ['x', 'v'],
      ['h', 'v_1'],
    ]);
    expect(tensors.get('v_1')?.bytes).toBe(v.bytes);
  });

  it('leaves what a model shares on purpose', () => {
    const shared = graph({ v: float32Tensor([3, 4]) });
    expect(unshareVectors(shared)).toBe(shared);
    const scalar = graph({ v: float32Tensor([3], [1]) });
    expect(unshareVectors(scalar)).toBe(scalar);
  });
});
