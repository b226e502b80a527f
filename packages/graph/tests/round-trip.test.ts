import { createHash } from 'node:crypto';
import { GraphError } from '../src/errors.js';
import { describe, expect, it } from 'vitest';
import {
  checkGraph,
  concatChunks,
  float32Tensor,
  placedIn,
  readModel,
  sortNodes,
  subgraphs,
  writeModel,
  writeModelWithExternalData,
  type Attribute,
  type Graph,
  type Tensor,
} from '../src/internal.js';
import { fixture, fixtureModels, noFixtures } from './support/fixtures.js';
import { graphOf, node, richGraph } from './support/models.js';

function allTensors(graph: Graph): Tensor[] {
  const inAttributes = graph.nodes.flatMap((each) => [
    ...Object.values(each.attributes).flatMap((attribute) => (attribute.type === 'tensor' ? [attribute.value] : [])),
    ...subgraphs(each).flatMap(allTensors),
  ]);
  return [...graph.tensors.values(), ...inAttributes];
}

/**
 * A graph with a hash in place of each tensor's bytes: comparing a hundred thousand of them one by one is what takes
 * time.
 */
function hashed(graph: Graph): unknown {
  const tensor = ({ dtype, dims, bytes }: Tensor): unknown => ({
    dtype,
    dims,
    hash: createHash('sha256').update(bytes).digest('hex'),
  });
  const attribute = (value: Attribute): unknown =>
    value.type === 'tensor'
      ? { tensor: tensor(value.value) }
      : value.type === 'graph'
        ? { graph: hashed(value.value) }
        : value;
  return {
    ...graph,
    tensors: [...graph.tensors].map(([name, each]) => [name, tensor(each)]),
    nodes: graph.nodes.map((each) => ({
      ...each,
      attributes: Object.entries(each.attributes).map(([name, value]) => [name, attribute(value)]),
    })),
  };
}

describe.skipIf(noFixtures !== undefined)(`fixture models${noFixtures === undefined ? '' : ` (${noFixtures})`}`, () => {
  it.each(fixtureModels())('%s: read, written and read again is the same graph', (name) => {
    const bytes = fixture(name);
    const graph = readModel(bytes);
    expect(graph.nodes.length).toBeGreaterThan(10);
    expect(graph.inputs.map((input) => input.name)).toContain('input_ids');
    expect(sortNodes(graph.nodes)).toBe(graph.nodes);
    checkGraph(graph);

    const chunks = writeModel(graph);
    const large = allTensors(graph).filter((tensor) => tensor.bytes.length >= 4096);
    for (const tensor of large) expect(chunks.includes(tensor.bytes)).toBe(true);
    const copy = concatChunks(chunks);
    const again = readModel(copy);
    expect(hashed(again)).toStrictEqual(hashed(graph));
    expect(Buffer.compare(concatChunks(writeModel(again)), copy)).toBe(0);
  });

  it.each(fixtureModels())('%s: weights are views into the file', (name) => {
    const bytes = fixture(name);
    const tensors = [...readModel(bytes).tensors.values()];
    const copied = tensors.filter((tensor) => tensor.bytes.buffer !== bytes.buffer);
    expect(tensors.length - copied.length).toBeGreaterThan(15);
    // Typed fields occur only for small things: scales and zero points in the int8 files, a table in two optimized
    // ones.
    for (const tensor of copied) expect(tensor.bytes.length).toBeLessThan(1024);
  });

  it.each(fixtureModels())('%s: written without its weights, read with the first file beside it', (name) => {
    const bytes = fixture(name);
    const graph = readModel(bytes);
    const light = writeModelWithExternalData(graph, placedIn(bytes, 'model.onnx', 512));
    const raw = [...graph.tensors.values()].filter(
      (tensor) => tensor.bytes.buffer === bytes.buffer && tensor.bytes.length >= 512,
    );
    const weights = raw.reduce((sum, tensor) => sum + tensor.bytes.length, 0);
    // Each tensor moved outside costs its location, offset and length: about 80 bytes.
    expect(light.length).toBeLessThan(concatChunks(writeModel(graph)).length - weights + raw.length * 100);
    const again = readModel(light, { externalData: (location) => (location === 'model.onnx' ? bytes : undefined) });
    expect(hashed(again)).toStrictEqual(hashed(graph));
    for (const tensor of again.tensors.values())
      if (tensor.bytes.length >= 4096) expect(tensor.bytes.buffer).toBe(bytes.buffer);
  });
});

describe('writing', () => {
  it('keeps attributes, subgraphs, opsets, absent inputs, symbolic and unknown dimensions', () => {
    const graph = richGraph();
    expect(readModel(concatChunks(writeModel(graph)))).toStrictEqual(graph);
  });

  it('hands on large tensors at any depth as the views they are', () => {
    const big = float32Tensor(new Float32Array(2000), [2000]);
    const constant = node('Constant', [], ['k'], { value: { type: 'tensor', value: big } });
    const body: Graph = {
      ...graphOf([constant], { tensors: new Map([['v', big]]) }),
      inputs: [],
      outputs: [{ name: 'k', dtype: 'float32', dims: [2000] }],
    };
    const graph = graphOf([node('If', ['x'], ['y'], { then_branch: { type: 'graph', value: body } })], {
      tensors: new Map([['w', big]]),
    });
    const chunks = writeModel(graph);
    expect(chunks.filter((chunk) => chunk === big.bytes)).toHaveLength(3);
    expect(chunks).toHaveLength(6);
    expect(readModel(concatChunks(chunks))).toStrictEqual(graph);
  });

  it.each([
    [11, 8],
    [18, 8],
    [19, 9],
    [20, 9],
    [21, 10],
  ])('opset %i gets IR version %i', (opset, irVersion) => {
    const bytes = concatChunks(writeModel(graphOf([node('Relu', ['x'], ['y'])], { opsets: new Map([['', opset]]) })));
    // ir_version is field 1, a varint.
    expect([...bytes.subarray(0, 2)]).toEqual([0x08, irVersion]);
  });

  it('writes IR version, producer and metadata as asked', () => {
    const bytes = concatChunks(
      writeModel(graphOf([node('Relu', ['x'], ['y'])]), { irVersion: 9, producer: 'me', metadata: { key: 'val' } }),
    );
    expect(bytes[1]).toBe(9);
    const text = new TextDecoder('latin1').decode(bytes);
    expect(text).toContain('\x12\x02me');
    expect(text).toContain('\x0a\x03key\x12\x03val');
  });

  it('refuses more than 2 GiB before anything is copied', () => {
    const part = { dtype: 'uint8' as const, dims: [2 ** 26], bytes: new Uint8Array(2 ** 26) };
    const tensors = new Map(Array.from({ length: 32 }, (_, i) => [`w${i}`, part]));
    expect(code(() => writeModel(graphOf([node('Relu', ['x'], ['y'])], { tensors })))).toBe('ONNX_TOO_LARGE');
    const light = writeModelWithExternalData(graphOf([node('Relu', ['x'], ['y'])], { tensors }), () => ({
      location: 'w.bin',
      offset: 0,
      length: 2 ** 26,
    }));
    expect(light.length).toBeLessThan(4000);
  });

  it('refuses what a file cannot hold', () => {
    const relu = node('Relu', ['x'], ['y']);
    const write = (graph: Graph): string | undefined => code(() => writeModel(graph));
    expect(write(graphOf([{ ...relu, domain: 'hadamard' }]))).toBe('ONNX_INTERNAL_OPERATOR');
    expect(write(graphOf([{ ...relu, attributes: { a: { type: 'int', value: 0.5 } } }]))).toBe('ONNX_NUMBER');
    expect(write(graphOf([{ ...relu, attributes: { a: { type: 'ints', value: [2 ** 60] } } }]))).toBe('ONNX_NUMBER');
    expect(write(graphOf([{ ...relu, attributes: { a: { type: 'float', value: 1e39 } } }]))).toBe('ONNX_NUMBER');
    expect(
      write(graphOf([relu], { tensors: new Map([['w', { dtype: 'float32', dims: [3], bytes: new Uint8Array(8) }]]) })),
    ).toBe('TENSOR_SIZE');
    expect(
      write(graphOf([relu], { tensors: new Map([['w', { dtype: 'string', dims: [0], bytes: new Uint8Array(0) }]]) })),
    ).toBe('ONNX_DATA_TYPE');
    const place = (location: string, offset: number, length: number) =>
      code(() => writeModelWithExternalData(graphOf([relu]), () => ({ location, offset, length })));
    expect(place('../w', 0, 8)).toBe('ONNX_EXTERNAL_PATH');
    expect(place('w', -1, 8)).toBe('ONNX_EXTERNAL_PATH');
    expect(place('w', 0, 9)).toBe('TENSOR_SIZE');
    expect(place('w', 0, 8)).toBeUndefined();
  });
});

function code(run: () => unknown): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof GraphError) return error.code;
    throw error;
  }
}
