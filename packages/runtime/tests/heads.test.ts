import { layout } from '@hadamard-adapter/core';
import { describe, expect, it } from 'vitest';
import { canonicalize, compileInference, findSites } from '@hadamard-adapter/compiler/internal';
import {
  concatChunks,
  evaluate,
  float32Tensor,
  fromNumbers,
  int,
  operatorName,
  readModel,
  scalarTensor,
  type Graph,
  type Node,
  type Value,
  makeNode,
} from '@hadamard-adapter/graph/internal';
import { loadAdapter, loadReferenceModel, optionsForAdapter, saveAdapter } from '../src/internal.js';
import { numbers } from '../../compiler/tests/differentiate/central-differences.js';
import { batchOf, packagedCanonical, packagedGraph, tokens } from '../../compiler/tests/support/packaged.js';

const WIDTH = 32;
const everything = { maxElements: Number.POSITIVE_INFINITY };
const weights = (seed: number, ...dims: number[]) =>
  float32Tensor(
    numbers(
      dims.reduce((a, b) => a * b, 1),
      seed,
    ),
    dims,
  );

/**
 * BERT as exported for classification: the pooler of tanh and a matrix behind the hidden states, which are no output.
 */
function classifier(
  name = 'bert/model.onnx',
  labels = 3,
  extra: { nodes?: Node[]; outputs?: Graph['outputs'] } = {},
): Graph {
  const source = packagedGraph(name);
  const hidden = 'last_hidden_state';
  return {
    ...source,
    nodes: [
      ...source.nodes.map((node) => ({
        ...node,
        outputs: node.outputs.map((output) => (output === hidden ? '/encoder/out' : output)),
      })),
      makeNode('Gather', ['/encoder/out', 'first'], ['cls'], { axis: int(1) }),
      makeNode('Gemm', ['cls', 'bert.pooler.dense.weight', 'bert.pooler.dense.bias'], ['dense'], { transB: int(1) }),
      makeNode('Tanh', ['dense'], ['pooled']),
      makeNode('Gemm', ['pooled', 'classifier.weight', 'classifier.bias'], ['logits'], { transB: int(1) }),
      ...(extra.nodes ?? []),
    ],
    tensors: new Map([
      ...source.tensors,
      ['first', scalarTensor('int64', 0)],
      ['bert.pooler.dense.weight', weights(1, WIDTH, WIDTH)],
      ['bert.pooler.dense.bias', weights(2, WIDTH)],
      ['classifier.weight', weights(3, labels, WIDTH)],
      ['classifier.bias', weights(4, labels)],
      ['vocabulary', weights(5, WIDTH, 99)],
    ]),
    outputs: extra.outputs ?? [{ name: 'logits', dtype: 'float32', dims: ['batch', labels] }],
  };
}

const HEAD = ['bert.pooler.dense.weight', 'bert.pooler.dense.bias', 'classifier.weight', 'classifier.bias'];

describe('a model exported with a classifier', () => {
  it('is cut back to its encoder, and says what was cut', () => {
    const canonical = canonicalize(classifier());
    const plain = packagedCanonical('bert/model.onnx');
    expect(canonical).toMatchObject({
      hidden: 'last_hidden_state',
      hiddenSize: WIDTH,
      cut: ['logits [batch, 3]'],
      numLabels: undefined,
    });
    expect(canonical.graph.nodes.map(operatorName)).toEqual(plain.graph.nodes.map(operatorName));
    expect(HEAD.filter((name) => canonical.graph.tensors.has(name))).toEqual([]);
    const feeds = tokens(canonical.graph);
    expect(evaluate(canonical.graph, feeds, everything).get('last_hidden_state')?.data).toEqual(
      evaluate(plain.graph, feeds, everything).get(plain.hidden)?.data,
    );
  });

  it.each([
    [
      'a language model',
      [makeNode('MatMul', ['/encoder/out', 'vocabulary'], ['scores'])],
      [{ name: 'scores', dims: ['batch', 'sequence', 99] }],
      ['scores [batch, sequence, 99]'],
    ],
    [
      'spans of answers',
      [makeNode('ReduceMean', ['/encoder/out'], ['start'], { axes: { type: 'ints', value: [-1] }, keepdims: int(0) })],
      [{ name: 'start', dims: ['batch', 'sequence'] }],
      ['start [batch, sequence]'],
    ],
    [
      'hidden states under another name, and a pooler',
      [makeNode('Identity', ['/encoder/out'], ['token_embeddings'])],
      [
        { name: 'token_embeddings', dims: ['b', 's', WIDTH] },
        { name: 'pooled', dims: ['b', WIDTH] },
      ],
      ['token_embeddings [batch, sequence, 32]', 'pooled [batch, 32]'],
    ],
  ] as const)('or %s likewise', (_, nodes, outputs, cut) => {
    const canonical = canonicalize(
      classifier('bert/model.onnx', 3, {
        nodes: [...nodes],
        outputs: outputs.map((output) => ({ dtype: 'float32', ...output })),
      }),
    );
    expect(findSites(canonical).map(({ key }) => key)).toEqual(['layer.0', 'layer.1', 'layer.2']);
    expect(canonical.hiddenSize).toBe(WIDTH);
    expect(canonical.cut).toEqual(cut);
    const feeds = tokens(canonical.graph);
    const plain = packagedCanonical('bert/model.onnx');
    expect(evaluate(canonical.graph, feeds, everything).get(canonical.hidden)?.data).toEqual(
      evaluate(plain.graph, feeds, everything).get(plain.hidden)?.data,
    );
  });

  it('keeps its head on request: same logits, and the head trains from its own weights', async () => {
    const source = classifier();
    const model = loadReferenceModel(source, { numLabels: 3, head: 'model' });
    expect(model.parameters.filter(({ group }) => group === 'classifier').map(({ name }) => name)).toEqual(HEAD);
    const batch = batchOf([2, 0]);
    const expected = evaluate(source, tokens(source), everything).get('logits')?.data as Float64Array;
    // Both in float64, but √d and √2 are float32 in the file.
    (await model.predict(batch)).forEach((value, i) =>
      expect(Math.abs(value - (expected[i] as number))).toBeLessThan(1e-6),
    );
    const { loss } = await model.gradients(batch, ['classifier']);
    for (let step = 0; step < 20; step++)
      await model.step([batch], { groups: ['classifier', 'adapter'], learningRate: 0.01 });
    expect((await model.gradients(batch, ['classifier'])).loss).toBeLessThan(loss / 2);
  });

  it('folds with that head, and its adapter comes back', async () => {
    const model = loadReferenceModel(classifier(), { numLabels: 3, head: 'model' });
    const batch = batchOf([2, 0]);
    for (let step = 0; step < 3; step++)
      await model.step([batch], { groups: ['classifier', 'adapter', 'norm'], learningRate: 0.05 });
    const expected = await model.predict(batch);
    const folded = readModel(concatChunks(await model.fold()));
    expect(folded.outputs.map(({ name }) => name)).toEqual(['logits', 'last_hidden_state']);
    (evaluate(folded, tokens(folded), everything).get('logits') as Value & { data: Float64Array }).data.forEach(
      (value, i) => expect(Math.abs(value - (expected[i] as number))).toBeLessThan(1e-5),
    );

    const files = await saveAdapter(model, { baseModel: 'bert', labels: ['a', 'b', 'c'] });
    const config = JSON.parse(new TextDecoder().decode(files['adapter_config.json'])) as Parameters<
      typeof optionsForAdapter
    >[0];
    expect(config).toMatchObject({ head: 'model', modules_to_save: ['bert.pooler.dense', 'classifier'] });
    const again = loadReferenceModel(classifier(), optionsForAdapter(config));
    await loadAdapter(again, files);
    expect(await again.predict(batch)).toEqual(expected);
  });

  it('in int8 has its head unpacked where it is kept, since packed weights cannot be trained', () => {
    const source = classifier('bert/model.int8.onnx');
    const packed: Graph = {
      ...source,
      nodes: source.nodes.flatMap((node) =>
        node.outputs[0] !== 'logits'
          ? [node]
          : [
              makeNode('DynamicQuantizeLinear', ['pooled'], ['pooled_q', 'pooled_s', 'pooled_z']),
              makeNode('MatMulInteger', ['pooled_q', 'w_q', 'pooled_z'], ['sums']),
              makeNode('Cast', ['sums'], ['floats'], { to: int(1) }),
              makeNode('Mul', ['pooled_s', 'w_s'], ['scales']),
              makeNode('Mul', ['floats', 'scales'], ['product']),
              makeNode('Add', ['classifier.bias', 'product'], ['logits']),
            ],
      ),
      tensors: new Map([
        ...source.tensors,
        [
          'w_q',
          fromNumbers(
            'int8',
            numbers(WIDTH * 3, 7).map((value) => Math.round(100 * value)),
            [WIDTH, 3],
          ),
        ],
        ['w_s', float32Tensor([0.01, 0.02, 0.03])],
      ]),
    };
    const kept = canonicalize(packed, { keepHead: true });
    expect(kept.precision).toBe('int8');
    expect(kept.numLabels).toBe(3);
    const model = loadReferenceModel(packed, { numLabels: 3, head: 'model' });
    const place = layout(model.parameters);
    const head = model.parameters.filter(({ group }) => group === 'classifier');
    expect(head.map(({ shape }) => shape)).toEqual([[WIDTH, WIDTH], [WIDTH], [WIDTH, 3], [3]]);
    expect(place.sizeOfGroups(['classifier'])).toBe(WIDTH * WIDTH + WIDTH + 3 * WIDTH + 3);
    expect(compileInference(model.compiled, ['logits']).nodes.filter(({ op }) => op === 'MatMulInteger').length).toBe(
      packedLayers(source),
    );
  });

  it.each([
    ['another number of labels', classifier(), { numLabels: 2, head: 'model' }, 'NUM_LABELS'],
    ['no classifier at all', packagedGraph('bert/model.onnx'), { numLabels: 2, head: 'model' }, 'MODEL_HEAD'],
    ['dropout that has no place', classifier(), { numLabels: 3, head: 'model', dropout: 0.1 }, 'HEAD_DROPOUT'],
  ] as const)('is refused for %s', (_, graph, options, code) => {
    expect(() => loadReferenceModel(graph, options)).toThrow(expect.objectContaining({ code }));
  });
});

const packedLayers = ({ nodes }: Graph): number => nodes.filter(({ op }) => op === 'MatMulInteger').length;
