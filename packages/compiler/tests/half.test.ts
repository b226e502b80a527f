import { describe, expect, it } from 'vitest';
import { buildAdapterModel } from '../src/model.js';
import { compileInference, compileTraining } from '../src/compile.js';
import { foldAdapters } from '../src/merge-adapters.js';
import { initialValues } from '../src/adapters/parameters.js';
import type { Graph, Tensor } from '@hadamard-adapter/graph/internal';
import { packagedCanonical, packagedGraph } from './support/packaged.js';

const NAME = 'bert/model.fp16.onnx';
const model = buildAdapterModel(packagedCanonical(NAME), {
  site: 'context',
  norm: 'attention',
  pooling: 'first',
  head: 'linear',
  numLabels: 3,
  loss: 'cross-entropy',
});
const large = ({ tensors }: Graph): Tensor[] =>
  [...tensors.values()].filter(({ dims }) => dims.length === 2 && dims.every((size) => size > 1));

describe('a base model in float16', () => {
  it('is told from one in float32', () => {
    expect(model.canonical.precision).toBe('float16');
    expect(packagedCanonical('bert/model.onnx').precision).toBe('float32');
    expect(model.canonical.parameterCount).toBe(packagedCanonical('bert/model.onnx').parameterCount);
  });

  it('runs inference on the very bytes of its matrices', () => {
    const inFile = new Set(large(packagedGraph(NAME)).map(({ bytes }) => Buffer.from(bytes).toString('base64')));
    const matrices = large(compileInference(model, ['logits']));
    expect(matrices.length).toBeGreaterThan(18);
    for (const { dtype, bytes } of matrices) {
      expect(dtype).toBe('float16');
      expect(inFile).toContain(Buffer.from(bytes).toString('base64'));
    }
  });

  it('trains in float32, from the same numbers', () => {
    const graph = compileTraining(model, ['classifier', 'adapter', 'norm']);
    expect(large(graph).map(({ dtype }) => dtype)).not.toContain('float16');
    expect(graph.inputs.find(({ name }) => name === 'parameters')?.dtype).toBe('float32');
  });

  it('takes and gives float32, classifier included', () => {
    const graph = compileInference(model, ['hidden', 'logits']);
    expect(graph.outputs.map(({ dtype }) => dtype)).toEqual(['float32', 'float32']);
    const classifier = graph.nodes.find(({ outputs }) => outputs.includes('logits'));
    expect(classifier?.op).toBe('Gemm');
    expect(classifier?.inputs.some((input) => input.endsWith('/float16'))).toBe(false);
  });

  it('stays float16 when folded', () => {
    const values = new Map(
      model.parameters.map((each) => [
        each.name,
        initialValues(
          each,
          model.canonical.graph.tensors,
          ({ shape }) => new Float32Array(shape.reduce((a, b) => a * b, 1)),
        ),
      ]),
    );
    const folded = foldAdapters(model, values);
    const encoder = large(folded).filter(({ dims }) => dims[0] !== 3);
    expect(new Set(encoder.map(({ dtype }) => dtype))).toEqual(new Set(['float16']));
    expect(folded.outputs.map(({ dtype }) => dtype)).toEqual(['float32', 'float32']);
  });
});
