import { HadamardError } from '@hadamard-adapter/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildAdapterModel } from '../src/model.js';
import { canonicalize } from '../src/canonicalize.js';
import { compileTraining } from '../src/compile.js';
import type { Attribute, Graph, Node, Tensor } from '@hadamard-adapter/graph/internal';
import { packagedGraph } from './support/packaged.js';

const SOURCES = [
  'bert/model.onnx',
  'bert/model.dynamo.onnx',
  'distilbert/model.opset17.onnx',
  'roberta/model.classic.onnx',
  'electra/model.optimized.onnx',
  'deberta/model.onnx',
  'deberta-v2/model.optimized.onnx',
  'bart/model.onnx',
  't5-encoder/model.onnx',
  'modernbert/model.onnx',
  'albert/model.optimized.onnx',
  'bert/model.int8.onnx',
  'bert/model.fp16.onnx',
].map(packagedGraph);

/** One thing wrong with a graph that reads well: numbers choose what and where. */
type Damage = readonly [kind: number, first: number, second: number];

const pick = <T>(items: readonly T[], at: number): T => items[at % items.length] as T;

const SIZES = [1_000_000_000n, -5n, 0n, 1n << 40n, 7n];

/**
 * Each breaks a graph in another way: a node lost, another input, another operator, other attributes, missing inputs,
 * another shape or constant.
 */
const KINDS: readonly ((nodes: Node[], tensors: Map<string, Tensor>, first: number, second: number) => void)[] = [
  (nodes, _, first) => void nodes.splice(first % nodes.length, 1),
  (nodes, tensors, first, second) =>
    change(nodes, first, ({ inputs }) => ({
      inputs: inputs.map((name, i) => (i === second % inputs.length ? pick([...tensors.keys()], second) : name)),
    })),
  (nodes, _, first, second) =>
    change(nodes, first, ({ inputs }) => ({
      inputs: inputs.map((name, i) =>
        i === 0 ? (pick(nodes.slice(0, (first % nodes.length) + 1), second).outputs[0] ?? name) : name,
      ),
    })),
  (nodes, _, first, second) => change(nodes, first, () => ({ op: pick(nodes, second).op })),
  (nodes, _, first) => change(nodes, first, () => ({ attributes: {} })),
  (nodes, _, first, second) =>
    change(nodes, first, ({ attributes }) => ({
      attributes: Object.fromEntries(
        Object.entries(attributes).map(([name, value]) => [name, shifted(value, (second % 9) - 4)]),
      ),
    })),
  (nodes, _, first, second) =>
    change(nodes, first, ({ inputs }) => ({ inputs: inputs.slice(0, second % (inputs.length + 1)) })),
  (_, tensors, first, second) =>
    void tensors.set(pick([...tensors.keys()], first), pick([...tensors.values()], second)),
  (_, tensors, first, second) => {
    const shapes = [...tensors].filter(([, { dtype, bytes }]) => dtype === 'int64' && bytes.length > 0);
    if (shapes.length === 0) return;
    const [name, tensor] = pick(shapes, first);
    const bytes = tensor.bytes.slice();
    new DataView(bytes.buffer).setBigInt64(8 * (second % (bytes.length / 8)), pick(SIZES, second), true);
    tensors.set(name, { ...tensor, bytes });
  },
];

function change(nodes: Node[], at: number, how: (node: Node) => Partial<Node>): void {
  const index = at % nodes.length;
  const node = nodes[index] as Node;
  nodes[index] = { ...node, ...how(node) };
}

function shifted(attribute: Attribute, by: number): Attribute {
  if (attribute.type === 'int') return { ...attribute, value: attribute.value + by };
  return attribute.type === 'ints' ? { ...attribute, value: attribute.value.map((value) => value + by) } : attribute;
}

function damaged(source: Graph, damages: readonly Damage[]): Graph {
  const [nodes, tensors] = [[...source.nodes], new Map(source.tensors)];
  for (const [kind, first, second] of damages) pick(KINDS, kind)(nodes, tensors, first, second);
  return { ...source, nodes, tensors };
}

/** `compiled`, or the code of the refusal; anything else that is thrown is a defect. */
function outcome(graph: Graph): string {
  try {
    const model = buildAdapterModel(canonicalize(graph), {
      site: 'context',
      norm: 'attention',
      pooling: 'first',
      head: 'linear',
      numLabels: 2,
      loss: 'cross-entropy',
    });
    compileTraining(model, ['classifier', 'adapter', 'norm']);
    return 'compiled';
  } catch (error) {
    if (error instanceof HadamardError) return error.code;
    throw error;
  }
}

function expectBounded(numRuns: number): void {
  const damage = fc.tuple(fc.nat(KINDS.length - 1), fc.nat(100_000), fc.nat(100_000));
  const outcomes = new Set<string>();
  fc.assert(
    fc.property(fc.nat(SOURCES.length - 1), fc.array(damage, { minLength: 1, maxLength: 3 }), (source, damages) => {
      const start = performance.now();
      outcomes.add(outcome(damaged(SOURCES[source] as Graph, damages)));
      return performance.now() - start < 5000;
    }),
    { numRuns },
  );
  // The damage is real: most of the ways to refuse a graph are seen, and some of it does no harm.
  expect(outcomes.size).toBeGreaterThan(5);
  expect(outcomes).toContain('compiled');
}

describe('a graph that reads well and makes no sense', () => {
  it('is refused or compiled, in bounded time', () => expectBounded(150));
  it('is refused or compiled, in bounded time: many more', { tags: ['all'] }, () => expectBounded(1000));
});
