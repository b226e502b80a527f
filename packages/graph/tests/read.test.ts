import { GraphError } from '../src/errors.js';
import { describe, expect, it } from 'vitest';
import { readModel, toNumbers, type ReadOptions } from '../src/internal.js';
import {
  AttributeProto_AttributeType as AttributeType,
  TensorProto_DataLocation,
  TensorProto_DataType as Type,
} from '../src/format/read/onnx_pb.js';
import { modelBytes, value, weight, type GraphInit, type ModelInit, type TensorInit } from './support/models.js';

function failure(run: () => unknown): GraphError {
  try {
    run();
  } catch (error) {
    if (error instanceof GraphError) {
      expect(error.message).not.toContain('\n');
      return error;
    }
    throw error;
  }
  throw new Error('nothing was thrown');
}

const refused = (graph: Partial<GraphInit>, model: Partial<ModelInit> = {}, options: ReadOptions = {}): GraphError =>
  failure(() => readModel(modelBytes(graph, model), options));

describe('a small model', () => {
  it('becomes a graph that shares the bytes of the file', () => {
    const bytes = modelBytes();
    const graph = readModel(bytes);
    expect(graph.inputs).toEqual([{ name: 'x', dtype: 'float32', dims: ['batch', 2] }]);
    expect(graph.nodes).toEqual([
      { op: 'Mul', domain: '', name: 'mul', inputs: ['x', 'w'], outputs: ['y'], attributes: {} },
    ]);
    expect(graph.tensors.get('w')?.bytes.buffer).toBe(bytes.buffer);
  });

  it('reads from a Node Buffer at an odd place, into plain Uint8Arrays', () => {
    const bytes = Buffer.concat([Buffer.from('x'), modelBytes()]).subarray(1);
    const w = readModel(bytes).tensors.get('w');
    expect(w?.bytes.constructor).toBe(Uint8Array);
    expect(w && [...toNumbers(w)]).toEqual([1, 2]);
  });

  it('drops inputs that are initializers too, as IR version 3 wrote them', () => {
    expect(readModel(modelBytes({ input: [value('x', 2), value('w', 2)] })).inputs.map(({ name }) => name)).toEqual([
      'x',
    ]);
  });

  it('takes ai.onnx for the standard domain', () => {
    const graph = readModel(
      modelBytes(
        { node: [{ opType: 'Relu', domain: 'ai.onnx', input: ['x'], output: ['y'] }] },
        { opsetImport: [{ domain: 'ai.onnx', version: 13n }] },
      ),
    );
    expect(graph.nodes[0]?.domain).toBe('');
    expect(graph.opsets).toEqual(new Map([['', 13]]));
  });

  it('sorts nodes, counting what subgraphs capture', () => {
    const then = { name: 't', node: [{ opType: 'Neg', input: ['h'], output: ['n'] }], output: [{ name: 'n' }] };
    const graph = readModel(
      modelBytes({
        node: [
          {
            opType: 'If',
            input: ['x'],
            output: ['y'],
            attribute: [{ name: 'then_branch', type: AttributeType.GRAPH, g: then }],
          },
          { opType: 'Relu', input: ['x'], output: ['h'] },
        ],
      }),
    );
    expect(graph.nodes.map(({ op }) => op)).toEqual(['Relu', 'If']);
  });

  it('clamps attributes to ±2^53 and guesses the type where it was not written', () => {
    const attribute = [
      { name: 'ends', type: AttributeType.INTS, ints: [2n ** 63n - 1n, -(2n ** 63n), 7n] },
      { name: 'axis', i: 0n },
      { name: 'alpha', f: 0.5 },
    ];
    expect(
      readModel(modelBytes({ node: [{ opType: 'Odd', input: ['x'], output: ['y'], attribute }] })).nodes[0]?.attributes,
    ).toEqual({
      ends: { type: 'ints', value: [2 ** 53, -(2 ** 53), 7] },
      axis: { type: 'int', value: 0 },
      alpha: { type: 'float', value: 0.5 },
    });
  });

  it('leaves out initializers of strings that nobody uses', () => {
    const text: TensorInit = { name: 's', dims: [1n], dataType: Type.STRING, stringData: [new Uint8Array(3)] };
    expect([...readModel(modelBytes({ initializer: [weight, text] })).tensors.keys()]).toEqual(['w']);
    const used = refused({ initializer: [weight, text], node: [{ opType: 'Mul', input: ['x', 's'], output: ['y'] }] });
    expect(used.code).toBe('ONNX_DATA_TYPE');
    expect(used.message).toContain('"s"');
  });
});

describe('typed fields', () => {
  it.each<[string, TensorInit, number[]]>([
    ['float_data', { dataType: Type.FLOAT, dims: [2n], floatData: [0.5, -2] }, [0.5, -2]],
    ['double_data', { dataType: Type.DOUBLE, dims: [2n], doubleData: [0.1, -2] }, [0.1, -2]],
    ['int64_data', { dataType: Type.INT64, dims: [2n], int64Data: [-5n, 2n ** 40n] }, [-5, 2 ** 40]],
    ['uint64_data for uint64', { dataType: Type.UINT64, dims: [1n], uint64Data: [2n ** 64n - 1n] }, [2 ** 53]],
    ['uint64_data for uint32', { dataType: Type.UINT32, dims: [1n], uint64Data: [2n ** 32n - 1n] }, [2 ** 32 - 1]],
    ['int32_data', { dataType: Type.INT32, dims: [2n], int32Data: [-5, 7] }, [-5, 7]],
    ['int32_data for int8', { dataType: Type.INT8, dims: [2n], int32Data: [-128, 127] }, [-128, 127]],
    ['int32_data for uint8', { dataType: Type.UINT8, dims: [1n], int32Data: [255] }, [255]],
    ['int32_data for int16', { dataType: Type.INT16, dims: [1n], int32Data: [-300] }, [-300]],
    ['int32_data for bool', { dataType: Type.BOOL, dims: [2n], int32Data: [0, 1] }, [0, 1]],
    ['int32_data for float16', { dataType: Type.FLOAT16, dims: [1n], int32Data: [0xc000] }, [-2]],
    ['int32_data for bfloat16', { dataType: Type.BFLOAT16, dims: [1n], int32Data: [0x3fc0] }, [1.5]],
    ['nothing for no elements', { dataType: Type.FLOAT, dims: [0n, 2n ** 40n] }, []],
  ])('%s', (_, tensor, expected) => {
    const read = readModel(modelBytes({ initializer: [{ ...tensor, name: 'w' }] })).tensors.get('w');
    expect(read && [...toNumbers(read)]).toEqual(expected);
  });
});

describe('tensors that cannot be', () => {
  it.each<[string, TensorInit, string]>([
    ['more bytes than the shape', { ...weight, dims: [1n] }, 'ONNX_TENSOR_SIZE'],
    ['fewer bytes than the shape', { ...weight, dims: [3n] }, 'ONNX_TENSOR_SIZE'],
    ['a shape of petabytes without data', { dataType: Type.FLOAT, dims: [2n ** 45n] }, 'ONNX_TENSOR_SIZE'],
    ['one element for many', { dataType: Type.FLOAT, dims: [2n ** 40n], floatData: [1] }, 'ONNX_TENSOR_SIZE'],
    ['a negative dimension', { ...weight, dims: [-2n] }, 'ONNX_TENSOR_DIMS'],
    ['two negative dimensions', { ...weight, dims: [-2n, -1n] }, 'ONNX_TENSOR_DIMS'],
    ['a product that wraps around 64 bits to 2', { ...weight, dims: [2n ** 32n, 2n ** 32n, 2n] }, 'ONNX_TENSOR_DIMS'],
    ['a dimension beyond 2^53', { ...weight, dims: [2n ** 62n] }, 'ONNX_TENSOR_DIMS'],
    ['a thousand dimensions', { ...weight, dims: Array.from({ length: 1000 }, () => 1n) }, 'ONNX_TENSOR_DIMS'],
    ['complex numbers', { ...weight, dataType: Type.COMPLEX64 }, 'ONNX_DATA_TYPE'],
    ['four-bit integers', { ...weight, dataType: Type.INT4 }, 'ONNX_DATA_TYPE'],
    ['no type', { ...weight, dataType: 0 }, 'ONNX_DATA_TYPE'],
    ['an unknown type', { ...weight, dataType: 999 }, 'ONNX_DATA_TYPE'],
    ['segments', { ...weight, segment: { begin: 0n, end: 1n } }, 'ONNX_SEGMENTS'],
  ])('%s', (_, tensor, code) => {
    const error = refused({ initializer: [{ ...tensor, name: 'w' }] });
    expect(error.code).toBe(code);
    expect(error.message).toContain('Initializer "w"');
  });
});

describe('external data', () => {
  const file = new Uint8Array(new Float32Array([9, 1, 2, 9]).buffer);
  const external = (entries: Record<string, string>): Uint8Array =>
    modelBytes({
      initializer: [
        {
          name: 'w',
          dims: [2n],
          dataType: Type.FLOAT,
          dataLocation: TensorProto_DataLocation.EXTERNAL,
          externalData: Object.entries(entries).map(([key, text]) => ({ key, value: text })),
        },
      ],
    });

  it.each(['model.onnx_data', 'sub/weights.bin', './w..bin'])('is read as a view from %s', (location) => {
    const asked: string[] = [];
    const graph = readModel(external({ location, offset: '4', length: '8' }), {
      externalData: (path) => (asked.push(path), file),
    });
    const w = graph.tensors.get('w');
    expect(w && [...toNumbers(w)]).toEqual([1, 2]);
    expect(w?.bytes.buffer).toBe(file.buffer);
    expect(asked).toEqual([location]);
  });

  it('asks once for a file that many tensors share', () => {
    const tensors = ['a', 'b'].map((name) => ({
      name,
      dims: [2n],
      dataType: Type.FLOAT,
      dataLocation: TensorProto_DataLocation.EXTERNAL,
      externalData: [{ key: 'location', value: 'w' }],
    }));
    let asked = 0;
    readModel(modelBytes({ initializer: [weight, ...tensors] }), { externalData: () => (asked++, file) });
    expect(asked).toBe(1);
  });

  it.each([
    '../w',
    'a/../../w',
    '/etc/passwd',
    'C:\\w',
    'c:w',
    'C:/w',
    '..\\w',
    'a\\b',
    'file:///w',
    'https://host/w',
    '//host/w',
    'a//b',
    'w\0.bin',
    'w\n',
    '',
    '..',
  ])('refuses the location %j and never asks for it', (location) => {
    let asked = 0;
    const error = failure(() => readModel(external({ location }), { externalData: () => (asked++, file) }));
    expect(error.code).toBe('ONNX_EXTERNAL_PATH');
    expect(asked).toBe(0);
  });

  it.each<Record<string, string>>([
    { offset: '9' },
    { offset: '-4' },
    { offset: '4.0' },
    { offset: '1e1' },
    { offset: '9007199254740991' },
    { offset: '99999999999999999999' },
    { length: '4' },
    { length: '12' },
    { length: '-8' },
  ])('refuses the place %j', (place) => {
    expect(failure(() => readModel(external({ location: 'w', ...place }), { externalData: () => file })).code).toBe(
      'ONNX_EXTERNAL_RANGE',
    );
  });

  it('names the file that is missing', () => {
    for (const options of [{}, { externalData: () => undefined }]) {
      const error = failure(() => readModel(external({ location: 'model.onnx_data' }), options));
      expect(error.code).toBe('ONNX_EXTERNAL_MISSING');
      expect(error.message).toContain('"model.onnx_data"');
    }
  });
});

describe('graphs that cannot be', () => {
  const relu = (input: string, output: string) => ({
    opType: 'Relu',
    input: [input],
    output: [output],
    name: `to_${output}`,
  });

  it.each<[string, Partial<GraphInit>, string, string]>([
    ['a cycle', { node: [relu('b', 'a'), relu('a', 'b'), relu('b', 'y')] }, 'ONNX_CYCLE', '"'],
    ['a node that feeds itself', { node: [relu('y', 'y')] }, 'ONNX_CYCLE', '"y"'],
    ['a value made twice', { node: [relu('x', 'y'), relu('w', 'y')] }, 'ONNX_DUPLICATE_VALUE', '"y"'],
    ['a node that makes an input', { node: [relu('x', 'y'), relu('x', 'x')] }, 'ONNX_CYCLE', '"x"'],
    ['a node that makes an initializer', { node: [relu('x', 'y'), relu('x', 'w')] }, 'ONNX_DUPLICATE_VALUE', '"w"'],
    ['two initializers of one name', { initializer: [weight, weight] }, 'ONNX_DUPLICATE_VALUE', '"w"'],
    ['two inputs of one name', { input: [value('x', 2), value('x', 2)] }, 'ONNX_DUPLICATE_VALUE', '"x"'],
    ['an input that nobody makes', { node: [relu('ghost', 'y')] }, 'ONNX_MISSING_VALUE', '"ghost"'],
    ['an output that nobody makes', { output: [value('ghost', 2)] }, 'ONNX_MISSING_VALUE', '"ghost"'],
    ['a node without operator', { node: [{ input: ['x'], output: ['y'] }] }, 'ONNX_NODE', '"y"'],
    ['an input without name', { input: [value('', 2)] }, 'ONNX_VALUE_INFO', 'input'],
    ['an output without type', { output: [{ name: 'y' }] }, 'ONNX_VALUE_INFO', '"y"'],
    [
      'an output that is a sequence',
      { output: [{ name: 'y', type: { value: { case: 'sequenceType', value: {} } } }] },
      'ONNX_VALUE_TYPE',
      'sequence',
    ],
    ['a sparse initializer', { sparseInitializer: [{ values: { name: 'sp' } }] }, 'ONNX_SPARSE', '"sp"'],
    ['a line break in a name', { node: [relu('gh\nost', 'y')] }, 'ONNX_MISSING_VALUE', '"gh\\nost"'],
    ['a name of a megabyte', { node: [relu('g'.repeat(1e6), 'y')] }, 'ONNX_MISSING_VALUE', 'ggg…'],
  ])('%s', (_, graph, code, text) => {
    const error = refused(graph);
    expect(error.code).toBe(code);
    expect(error.message).toContain(text);
    expect(error.message.length).toBeLessThan(400);
  });

  it('misses a value inside a subgraph too, and finds those of the graph around it', () => {
    const branch = (input: string) => ({ name: 't', node: [relu(input, 't')], output: [{ name: 't' }] });
    const model = (input: string): Partial<GraphInit> => ({
      node: [
        {
          opType: 'If',
          input: ['x'],
          output: ['y'],
          attribute: [{ name: 'then_branch', type: AttributeType.GRAPH, g: branch(input) }],
        },
      ],
    });
    expect(readModel(modelBytes(model('x'))).nodes).toHaveLength(1);
    expect(refused(model('ghost')).message).toContain('"ghost"');
    expect(refused(model('y')).code).toBe('ONNX_CYCLE');
  });

  it.each<[string, object, string]>([
    ['type protos', { name: 'a', type: AttributeType.TYPE_PROTO, tp: {} }, 'ONNX_ATTRIBUTE_TYPE'],
    ['lists of graphs', { name: 'a', type: AttributeType.GRAPHS, graphs: [] }, 'ONNX_ATTRIBUTE_TYPE'],
    ['references', { name: 'a', type: AttributeType.INT, refAttrName: 'b' }, 'ONNX_ATTRIBUTE_TYPE'],
    ['bytes as text', { name: 'a', type: AttributeType.STRING, s: Uint8Array.of(0xff) }, 'ONNX_ATTRIBUTE_TYPE'],
    ['no name', { type: AttributeType.INT, i: 1n }, 'ONNX_ATTRIBUTE'],
    ['nothing', { name: 'a' }, 'ONNX_ATTRIBUTE'],
    ['a tensor that is not there', { name: 'a', type: AttributeType.TENSOR }, 'ONNX_ATTRIBUTE'],
  ])('refuses attributes with %s', (_, attribute, code) => {
    expect(refused({ node: [{ opType: 'Odd', input: ['x'], output: ['y'], attribute: [attribute] }] }).code).toBe(code);
  });

  it('has room for an attribute called __proto__', () => {
    const attribute = [{ name: '__proto__', type: AttributeType.INT, i: 1n }];
    const { attributes } = readModel(modelBytes({ node: [{ opType: 'Odd', input: ['x'], output: ['y'], attribute }] }))
      .nodes[0] ?? { attributes: {} };
    expect(Object.keys(attributes)).toEqual(['__proto__']);
    expect(Object.getPrototypeOf(attributes)).toBe(Object.prototype);
  });
});

describe('models that are too old or use too much', () => {
  it('says how to export an old opset again', () => {
    const error = refused({}, { opsetImport: [{ domain: '', version: 10n }] });
    expect(error.code).toBe('ONNX_OPSET_TOO_OLD');
    expect(error.message).toContain('opset_version=17');
  });

  it('wants one opset for the standard domain', () => {
    expect(refused({}, { opsetImport: [] }).code).toBe('ONNX_OPSET');
    expect(refused({}, { opsetImport: [{ domain: 'com.microsoft', version: 1n }] }).code).toBe('ONNX_OPSET');
    expect(refused({}, { opsetImport: [{ version: 17n }, { domain: 'ai.onnx', version: 18n }] }).code).toBe(
      'ONNX_OPSET',
    );
    expect(refused({}, { opsetImport: [{ version: -1n }] }).code).toBe('ONNX_OPSET');
  });

  it('wants a graph', () => {
    expect(failure(() => readModel(Uint8Array.of(8, 8))).message).toContain('no graph');
  });

  it('names the functions of the model', () => {
    const error = refused({}, { functions: ['f', 'g', 'h', 'i'].map((name) => ({ domain: 'local', name })) });
    expect(error.code).toBe('ONNX_FUNCTIONS');
    expect(error.message).toContain('"local:f", "local:g", "local:h" and 1 more');
  });
});
