import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  FormatError,
  fromFloat32,
  readSafetensors,
  toFloat32,
  toFloat64,
  writeSafetensors,
  type Dtype,
  type Tensor,
} from '../src/index.js';
import { failure, survives } from './support/failure.js';
import { sharedFile } from './support/shared.js';

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A file with this header text and so many bytes of data. */
function file(header: string, data = 0, length = encode(header).length): Uint8Array {
  const text = encode(header);
  const bytes = new Uint8Array(8 + text.length + data);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(text, 8);
  return bytes;
}

const entry = (dtype: string, shape: readonly number[], start: number, end: number): string =>
  JSON.stringify({ dtype, shape, data_offsets: [start, end] });

const SIZES = { F32: 4, F16: 2, I64: 8, U8: 1, BF16: 2 } as const;
const tensor: fc.Arbitrary<Tensor> = fc
  .tuple(fc.constantFrom<keyof typeof SIZES>('F32', 'F16', 'I64', 'U8', 'BF16'), fc.array(fc.nat(3), { maxLength: 3 }))
  .chain(([dtype, shape]) => {
    const length = shape.reduce((product, size) => product * size, SIZES[dtype]);
    return fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => ({ dtype, shape, bytes }));
  });
const name = fc
  .oneof(fc.string(), fc.constantFrom('__proto__', 'constructor', 'toString', 'é "quoted" \\ \n'))
  .filter((text) => text !== '__metadata__');
const tensors = fc.array(fc.tuple(name, tensor), { maxLength: 6 }).map((list) => new Map(list));

describe('round trip', () => {
  it('keeps names, shapes, bytes and metadata; the order of writing does not matter', () => {
    fc.assert(
      fc.property(tensors, fc.dictionary(fc.string(), fc.string(), { maxKeys: 4 }), (tensors, metadata) => {
        const bytes = writeSafetensors(tensors, Object.entries(metadata));
        const read = readSafetensors(bytes);
        expect(new Map([...read.tensors].sort())).toEqual(new Map([...tensors].sort()));
        expect(read.metadata).toEqual(new Map(Object.entries(metadata)));
        expect(writeSafetensors([...tensors].toReversed(), Object.entries(metadata).toReversed())).toEqual(bytes);
      }),
    );
  });

  it('aligns all data and copies nothing when reading', () => {
    const bytes = writeSafetensors([
      ['odd', { dtype: 'U8', shape: [3], bytes: new Uint8Array(3) }],
      ['half', { dtype: 'F16', shape: [1], bytes: new Uint8Array(2) }],
      ['one', fromFloat32(new Float32Array([1]))],
    ]);
    const { tensors } = readSafetensors(bytes);
    expect([...tensors.keys()]).toEqual(['one', 'half', 'odd']);
    for (const [, { bytes: part }] of tensors) expect(part.buffer).toBe(bytes.buffer);
    expect((tensors.get('one') as Tensor).bytes.byteOffset % 8).toBe(0);
  });

  it('writes and reads a file without tensors', () => {
    expect(readSafetensors(writeSafetensors([])).tensors.size).toBe(0);
  });

  it('refuses to write what it could not read', async () => {
    expect(
      (await failure(() => writeSafetensors([['a', { dtype: 'F32', shape: [2], bytes: new Uint8Array(4) }]]))).code,
    ).toBe('SAFETENSORS_ENTRY');
    expect((await failure(() => writeSafetensors([['__metadata__', fromFloat32(new Float32Array(1))]]))).code).toBe(
      'SAFETENSORS_ENTRY',
    );
  });
});

describe('a file of the reference implementation', () => {
  // safetensors.torch.save of four tensors
  const base64 =
    'AAEAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJpIjp7ImR0eXBlIjoiSTY0Iiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbMCwxNl19LCJ6Ijp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOlsxXSwiZGF0YV9vZmZzZXRzIjpbMTYsMjBdfSwiYiI6eyJkdHlwZSI6IkJGMTYiLCJzaGFwZSI6WzJdLCJkYXRhX29mZnNldHMiOlsyMCwyNF19LCJhIjp7ImR0eXBlIjoiRjE2Iiwic2hhcGUiOlsyLDJdLCJkYXRhX29mZnNldHMiOlsyNCwzMl19fSAgAQAAAAAAAAD+/////////83MzD3APwDAADwAQABC/3s=';
  const { tensors, metadata } = readSafetensors(Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)));
  const named = (key: string): Tensor => tensors.get(key) as Tensor;

  it('is read', () => {
    expect(metadata).toEqual(new Map([['format', 'pt']]));
    expect(toFloat32(named('z'))).toEqual(new Float32Array([0.1]));
    expect(toFloat32(named('a'))).toEqual(new Float32Array([1, 2, 3, 65504]));
    expect(toFloat32(named('b'))).toEqual(new Float32Array([1.5, -2]));
    expect(toFloat64(named('i'))).toEqual(new Float64Array([1, -2]));
    expect(named('a').shape).toEqual([2, 2]);
  });
});

describe('numbers', () => {
  const of = (dtype: Dtype, bytes: readonly number[], size: number): Tensor => ({
    dtype,
    shape: [bytes.length / size],
    bytes: Uint8Array.from(bytes),
  });

  it('of half precision: subnormal, infinite, not a number, negative zero', () => {
    const half = toFloat32(of('F16', [0x01, 0x00, 0x00, 0xfc, 0x01, 0x7e, 0x00, 0x80, 0xff, 0x03], 2));
    expect(half).toEqual(new Float32Array([2 ** -24, -Infinity, NaN, -0, 1023 * 2 ** -24]));
  });

  it('of double precision are rounded to single', () => {
    const bytes = [...new Uint8Array(new Float64Array([0.1, -1e300]).buffer)];
    expect(toFloat32(of('F64', bytes, 8))).toEqual(new Float32Array([Math.fround(0.1), -Infinity]));
    expect(toFloat64(of('F64', bytes, 8))).toEqual(new Float64Array([0.1, -1e300]));
  });

  it.each([
    ['an array', new Uint8Array([0, 0, 0, 0x80, 0x3f]).subarray(1)],
    ["Node's Buffer, whose slices are no copies", Buffer.from([0, 0, 0, 0x80, 0x3f]).subarray(1)],
  ])('of single precision are read from any offset of %s, as a copy', (_, bytes) => {
    const values = toFloat32({ dtype: 'F32', shape: [1], bytes });
    bytes.fill(0);
    expect(values).toEqual(new Float32Array([1]));
  });

  it('of all integer types', () => {
    expect(toFloat64(of('I8', [0xff], 1))[0]).toBe(-1);
    expect(toFloat64(of('BOOL', [1], 1))[0]).toBe(1);
    expect(toFloat64(of('U16', [0xff, 0xff], 2))[0]).toBe(65535);
    expect(toFloat64(of('I16', [0xff, 0xff], 2))[0]).toBe(-1);
    expect(toFloat64(of('U32', [0xff, 0xff, 0xff, 0xff], 4))[0]).toBe(2 ** 32 - 1);
    expect(toFloat64(of('I32', [0xfe, 0xff, 0xff, 0xff], 4))[0]).toBe(-2);
    expect(toFloat64(of('U64', [0, 0, 0, 0, 1, 0, 0, 0], 8))[0]).toBe(2 ** 32);
  });

  it('of other types are refused', async () => {
    expect((await failure(() => toFloat32(of('I32', [0, 0, 0, 0], 4)))).code).toBe('SAFETENSORS_DTYPE');
    expect((await failure(() => toFloat64(of('F8_E4M3', [0], 1)))).code).toBe('SAFETENSORS_DTYPE');
  });
});

describe('hostile files', () => {
  it.each<[string, string, Uint8Array]>([
    ['nothing', 'SAFETENSORS_HEADER', new Uint8Array()],
    ['seven bytes', 'SAFETENSORS_HEADER', new Uint8Array(7)],
    ['a header of no bytes', 'SAFETENSORS_HEADER', new Uint8Array(8)],
    ['a header longer than the file', 'SAFETENSORS_HEADER', file('{}', 0, 3)],
    ['a header of 2⁶⁴ − 1 bytes', 'SAFETENSORS_HEADER', new Uint8Array(8).fill(0xff)],
    ['a header that is not JSON', 'SAFETENSORS_HEADER', file('{"a":')],
    ['a header that is not UTF-8', 'SAFETENSORS_HEADER', Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff, 0x7d)],
    ['a byte order mark', 'SAFETENSORS_HEADER', file('\ufeff{}')],
    ['an array', 'SAFETENSORS_HEADER', file('[]')],
    ['null', 'SAFETENSORS_HEADER', file('null')],
    ['a string of quotes', 'SAFETENSORS_HEADER', file('"{}"')],
    ['brackets nested 100,000 deep', 'SAFETENSORS_ENTRY', file(`{"a":${'['.repeat(1e5)}${']'.repeat(1e5)}}`)],
    [
      'the same tensor twice',
      'SAFETENSORS_HEADER',
      file(`{"a":${entry('U8', [1], 0, 1)},"a":${entry('U8', [1], 0, 1)}}`, 1),
    ],
    [
      'the same tensor twice, once escaped',
      'SAFETENSORS_HEADER',
      file(`{"a":${entry('U8', [1], 0, 1)},"\\u0061" : ${entry('U8', [1], 0, 1)}}`, 1),
    ],
    [
      'the same field twice',
      'SAFETENSORS_HEADER',
      file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"shape":[1]}}', 1),
    ],
    ['metadata that is not text', 'SAFETENSORS_HEADER', file('{"__metadata__":{"a":1}}')],
    ['metadata that is a list', 'SAFETENSORS_HEADER', file('{"__metadata__":["a"]}')],
    ['an unknown dtype', 'SAFETENSORS_ENTRY', file(`{"a":${entry('F33', [1], 0, 1)}}`, 1)],
    ['a dtype of every object', 'SAFETENSORS_ENTRY', file(`{"a":${entry('toString', [1], 0, 1)}}`, 1)],
    ['a negative dimension', 'SAFETENSORS_ENTRY', file(`{"a":${entry('U8', [-1], 0, 1)}}`, 1)],
    ['half a dimension', 'SAFETENSORS_ENTRY', file(`{"a":${entry('U8', [0.5], 0, 1)}}`, 1)],
    ['dimensions that overflow', 'SAFETENSORS_ENTRY', file(`{"a":${entry('F32', [2 ** 40, 2 ** 40], 0, 4)}}`, 4)],
    [
      'a thousand dimensions',
      'SAFETENSORS_ENTRY',
      file(
        `{"a":${entry(
          'U8',
          Array.from({ length: 1000 }, () => 1),
          0,
          1,
        )}}`,
        1,
      ),
    ],
    ['offsets that do not fit the shape', 'SAFETENSORS_ENTRY', file(`{"a":${entry('F32', [2], 0, 4)}}`, 4)],
    ['offsets in the wrong order', 'SAFETENSORS_ENTRY', file(`{"a":${entry('U8', [1], 1, 0)}}`, 1)],
    [
      'offsets that are not two',
      'SAFETENSORS_ENTRY',
      file('{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,2]}}', 1),
    ],
    ['no offsets', 'SAFETENSORS_ENTRY', file('{"a":{"dtype":"U8","shape":[1]}}', 1)],
    ['a tensor that is a number', 'SAFETENSORS_ENTRY', file('{"a":1}')],
    ['offsets beyond the file', 'SAFETENSORS_DATA', file(`{"a":${entry('U8', [8], 0, 8)}}`, 4)],
    [
      'overlapping tensors',
      'SAFETENSORS_DATA',
      file(`{"a":${entry('U8', [4], 0, 4)},"b":${entry('U8', [4], 2, 6)}}`, 6),
    ],
    [
      'one place for two tensors',
      'SAFETENSORS_DATA',
      file(`{"a":${entry('U8', [4], 0, 4)},"b":${entry('U8', [4], 0, 4)}}`, 4),
    ],
    ['a hole', 'SAFETENSORS_DATA', file(`{"a":${entry('U8', [1], 0, 1)},"b":${entry('U8', [1], 2, 3)}}`, 3)],
    ['a hole in front', 'SAFETENSORS_DATA', file(`{"a":${entry('U8', [1], 1, 2)}}`, 2)],
    ['data that no tensor claims', 'SAFETENSORS_DATA', file('{}', 1)],
  ])('%s', async (_, code, bytes) => {
    const error = await failure(() => readSafetensors(bytes));
    expect(error).toBeInstanceOf(FormatError);
    expect(error.code).toBe(code);
    expect(error.message.length).toBeLessThan(500);
  });

  it('a header above the limit', async () => {
    const bytes = file(`{${' '.repeat(100)}}`);
    expect((await failure(() => readSafetensors(bytes, { maxHeaderBytes: 64 }))).code).toBe('SAFETENSORS_HEADER');
    expect(readSafetensors(bytes).tensors.size).toBe(0);
  });

  it('a name of ten million quotes is read in bounded time', async () => {
    const bytes = file(`{"${'\\"'.repeat(5e6)}":1}`);
    const start = performance.now();
    expect((await failure(() => readSafetensors(bytes))).code).toBe('SAFETENSORS_ENTRY');
    // takes a fraction of a second; quadratic time would take hours
    expect(performance.now() - start).toBeLessThan(20_000);
  });

  it('names of Object.prototype are names like others', () => {
    const { tensors, metadata } = readSafetensors(
      file(`{"__proto__":${entry('U8', [1], 0, 1)},"__metadata__":{"__proto__":"x"}}`, 1),
    );
    expect([...tensors.keys()]).toEqual(['__proto__']);
    expect(metadata.get('__proto__')).toBe('x');
    expect(({} as Record<string, unknown>)['dtype']).toBeUndefined();
  });

  it('any damage is either harmless or refused by one of our errors', async () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(tensors, damage, fc.nat(), async (tensors, damage, cut) => {
        const bytes = writeSafetensors(tensors, [['a', 'b']]);
        const mutated = bytes.slice();
        for (const [at, value] of damage) mutated[at % mutated.length] = value;
        const outcome = await survives(() => readSafetensors(mutated));
        if (outcome !== 'read') expect(outcome).toBeInstanceOf(FormatError);
        const truncated = bytes.subarray(0, cut % bytes.length);
        expect(await failure(() => readSafetensors(truncated))).toBeInstanceOf(FormatError);
      }),
      { numRuns: 300 },
    );
  });

  it('any JSON as header is refused or read', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), fc.nat(64), async (json, data) => {
        const outcome = await survives(() => readSafetensors(file(json, data)));
        if (outcome !== 'read') expect(outcome).toBeInstanceOf(FormatError);
      }),
    );
  });
});

const golden = sharedFile('fixtures/bert/golden.safetensors');

describe.skipIf(golden === undefined)('the golden values of a fixture', () => {
  it('are read', () => {
    const { tensors } = readSafetensors(golden as Uint8Array);
    const ids = tensors.get('b4s12.input_ids') as Tensor;
    expect(ids).toMatchObject({ dtype: 'I64', shape: [4, 12] });
    expect(toFloat64(ids).every((id) => Number.isInteger(id) && id >= 0 && id < 99)).toBe(true);
    const [single, double] = ['context.b4s12.logits', 'context.b4s12.logits.f64'].map((key) =>
      toFloat64(tensors.get(key) as Tensor),
    ) as [Float64Array, Float64Array];
    // the largest float32 error of logits that the fixtures record
    single.forEach((value, i) => expect(Math.abs(value - (double[i] as number))).toBeLessThan(5e-6));
  });
});
