import { GraphError } from '../src/errors.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatChunks, readModel, writeModel, field } from '../src/internal.js';
import { modelBytes, richGraph } from './support/models.js';

/** The error of reading `bytes`; undefined when they are a model. Anything but a GraphError is a defect. */
function refusal(bytes: Uint8Array, options: Parameters<typeof readModel>[1] = {}): GraphError | undefined {
  try {
    readModel(bytes, options);
    return undefined;
  } catch (error) {
    if (!(error instanceof GraphError)) throw error;
    expect(error.message).not.toContain('\n');
    return error;
  }
}

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

describe('files of another kind', () => {
  const zip = 'PK\x03\x04\x14\x00\x08\x08archive/data.pkl';
  const safetensors =
    '\x40\x00\x00\x00\x00\x00\x00\x00{"__metadata__":{"format":"pt"},"w":{"dtype":"F32"}}            ';
  it.each([
    ['', 'empty'],
    ['<!DOCTYPE html>\n<html><head><title>404</title>', 'web page'],
    ['\n  <html lang="en">', 'web page'],
    ['version https://git-lfs.github.com/spec/v1\noid sha256:1234\nsize 438011123\n', 'git-lfs'],
    [safetensors, 'safetensors'],
    [zip, 'zip'],
    ['\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03', 'gzip'],
    ['\x80\x02}q\x00', 'pickle'],
    ['GGUF\x03\x00\x00\x00', 'GGUF'],
    ['\x1c\x00\x00\x00TFL3\x14\x00', 'TensorFlow Lite'],
    ['\x18\x00\x00\x00ORTM\x00\x00', 'ORT-format'],
    ['{"error":"Repository not found"}', 'JSON'],
    ['Entry not found', 'Entry not found'],
    ['Invalid username or password.', 'Invalid username'],
    ['\0'.repeat(5000), 'zeros'],
  ])('%j is called by its name', (content, name) => {
    const error = refusal(ascii(content));
    expect(error?.message).toContain(name);
    expect(['ONNX_NOT_A_MODEL', 'ONNX_EMPTY']).toContain(error?.code);
  });
});

describe('damaged files', () => {
  const whole = concatChunks(writeModel(richGraph()));

  it('any cut is refused or leaves a model, and most are called a cut', () => {
    let cut = 0;
    for (let length = 0; length < whole.length; length++) {
      const error = refusal(whole.subarray(0, length));
      expect(error).toBeDefined();
      if (error?.code === 'ONNX_TRUNCATED') cut++;
    }
    expect(cut).toBeGreaterThan(whole.length * 0.9);
  });

  it('any change of bytes is refused or leaves a model', () => {
    const change = fc.record({ at: fc.nat(whole.length - 1), bytes: fc.uint8Array({ minLength: 1, maxLength: 6 }) });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 8 }), (changes) => {
        const bytes = whole.slice();
        for (const { at, bytes: by } of changes) bytes.set(by.subarray(0, bytes.length - at), at);
        const start = performance.now();
        refusal(bytes);
        return performance.now() - start < 2000;
      }),
      { numRuns: 3000 },
    );
  });

  it('any insertion, removal or repetition is refused or leaves a model', () => {
    fc.assert(
      fc.property(fc.nat(whole.length), fc.nat(whole.length), fc.uint8Array({ maxLength: 20 }), (a, b, between) => {
        refusal(concatChunks([whole.subarray(0, a), between, whole.subarray(b)]));
        return true;
      }),
      { numRuns: 2000 },
    );
  });

  it('any bytes at all are refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => refusal(bytes) !== undefined),
      { numRuns: 2000 },
    );
  });

  it('lists that end within an element, and wire types that do not fit, are refused before decoding', () => {
    const inGraph = (...content: number[]): Uint8Array => concatChunks(field(7, [Uint8Array.from(content)]));
    // initializer { float_data: 3 bytes }, initializer { dims: unfinished varint }, node as a number, a group.
    expect(refusal(inGraph(0x2a, 5, 0x22, 3, 1, 2, 3))?.message).toContain('float_data');
    expect(refusal(inGraph(0x2a, 3, 0x0a, 1, 0x80))?.message).toContain('dims');
    expect(refusal(inGraph(0x08, 200))?.message).toContain('GraphProto.node');
    expect(refusal(inGraph(0x0b, 0x0c))?.message).toContain('wire type 3');
  });
});

describe('files that would cost more than they weigh', () => {
  it('a million empty nodes in two megabytes', () => {
    const nodes = new Uint8Array(2_000_000);
    for (let i = 0; i < nodes.length; i += 2) nodes[i] = 0x0a;
    const start = performance.now();
    expect(refusal(concatChunks(field(7, [nodes])))?.code).toBe('ONNX_LIMIT');
    expect(performance.now() - start).toBeLessThan(5000);
  });

  it('tens of millions of messages that are no nodes', () => {
    // value_info entries, two bytes each.
    const values = new Uint8Array(60_000_000);
    for (let i = 0; i < values.length; i += 2) values[i] = 0x6a;
    const error = refusal(concatChunks(field(7, [values])));
    expect(error?.code).toBe('ONNX_LIMIT');
    expect(error?.message).toContain('maxMemory');
  });

  it('integers of one byte that become objects', () => {
    const error = refusal(
      modelBytes({
        initializer: [{ name: 'w', dims: [50_000n], dataType: 7, int64Data: Array.from({ length: 50_000 }, () => 1n) }],
      }),
      { maxMemory: 1_000_000 },
    );
    expect(error?.code).toBe('ONNX_LIMIT');
  });

  it('graphs within graphs', () => {
    // graph { node { attribute { g: graph {…} } } } two thousand times, built from the inside.
    let content: Uint8Array[] = [];
    for (let level = 0; level < 2000; level++) content = [concatChunks(field(1, field(5, field(6, content))))];
    const error = refusal(concatChunks(field(7, content)));
    expect(error?.code).toBe('ONNX_LIMIT');
    expect(error?.message).toContain('maxDepth');
  });

  it('types within types', () => {
    let type: Uint8Array[] = [];
    for (let level = 0; level < 2000; level++) type = [concatChunks(field(4, field(1, type)))];
    expect(refusal(concatChunks(field(7, field(11, field(2, type)))))?.code).toBe('ONNX_LIMIT');
  });

  it('a chain of a hundred thousand nodes in reverse order is sorted', () => {
    const count = 100_000;
    const node = Array.from({ length: count }, (_, i) => ({
      opType: 'Relu',
      input: [i === count - 1 ? 'x' : `v${i + 1}`],
      output: [i === 0 ? 'y' : `v${i}`],
    }));
    const graph = readModel(modelBytes({ node }));
    expect(graph.nodes.at(-1)?.outputs).toEqual(['y']);
    expect(graph.nodes[0]?.inputs).toEqual(['x']);
  });
});
