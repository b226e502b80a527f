import { isObject } from '../values.js';
import * as v from 'valibot';
import { FormatError, UnsupportedError } from '../errors.js';
import { shorten, validate } from './validate.js';

/** Bytes per element, in the names of the format. Types smaller than a byte are not supported. */
const BYTES = {
  BOOL: 1,
  U8: 1,
  I8: 1,
  F8_E5M2: 1,
  F8_E4M3: 1,
  F8_E8M0: 1,
  I16: 2,
  U16: 2,
  F16: 2,
  BF16: 2,
  I32: 4,
  U32: 4,
  F32: 4,
  I64: 8,
  U64: 8,
  F64: 8,
  C64: 8,
} as const;

export type Dtype = keyof typeof BYTES;

export interface Tensor {
  readonly dtype: Dtype;
  readonly shape: readonly number[];
  /** Little-endian, row-major. After reading: a view into the file, not aligned. */
  readonly bytes: Uint8Array;
}

export interface Safetensors {
  readonly tensors: Map<string, Tensor>;
  readonly metadata: Map<string, string>;
}

export interface SafetensorsLimits {
  /** Default 100,000,000, as in the reference implementation. */
  readonly maxHeaderBytes?: number;
}

const index = v.pipe(v.number(), v.safeInteger('an integer'), v.minValue(0, 'at least 0'));
const entrySchema = v.object({
  dtype: v.string(),
  shape: v.pipe(v.array(index), v.maxLength(64, 'at most 64 dimensions')),
  data_offsets: v.strictTuple([index, index]),
});

/**
 * Read a safetensors file (8 bytes header length, JSON header, data). Nothing is copied. Every check of the reference
 * implementation is made: tensors must fill the data exactly, without holes or overlaps.
 *
 * @throws FormatError SAFETENSORS_HEADER (length, JSON, duplicate names), SAFETENSORS_ENTRY (dtype, shape, offsets of
 *   one tensor), SAFETENSORS_DATA (holes, overlaps, missing or extra bytes).
 */
export function readSafetensors(bytes: Uint8Array, limits: SafetensorsLimits = {}): Safetensors {
  const { text, data } = splitHeader(bytes, limits.maxHeaderBytes ?? 100_000_000);
  const header = parseHeader(text);
  const metadata = new Map<string, string>();
  const entries: { name: string; dtype: Dtype; shape: readonly number[]; start: number; end: number }[] = [];
  for (const [name, value] of Object.entries(header)) {
    if (name === '__metadata__') for (const [key, text] of metadataOf(value)) metadata.set(key, text);
    else entries.push({ name, ...entryOf(name, value) });
  }

  let filled = 0;
  for (const { name, start, end } of entries.toSorted((a, b) => a.start - b.start || a.end - b.end)) {
    if (start !== filled) {
      throw new FormatError(`Tensor ${shorten(name)} does not start where the one before it ends`, {
        code: 'SAFETENSORS_DATA',
        found: `offset ${start}`,
        expected: String(filled),
      });
    }
    filled = end;
  }
  if (filled !== data.length) {
    throw new FormatError('The tensors do not fill the file', {
      code: 'SAFETENSORS_DATA',
      found: `${data.length} bytes of data`,
      expected: `${filled}`,
      hint: 'Is the file complete?',
    });
  }
  const tensors = new Map(
    entries.map(({ name, dtype, shape, start, end }) => [name, { dtype, shape, bytes: data.subarray(start, end) }]),
  );
  return { tensors, metadata };
}

function splitHeader(bytes: Uint8Array, maxHeaderBytes: number): { text: string; data: Uint8Array } {
  const fail = (found: string, expected: string): never => {
    throw new FormatError('The safetensors header cannot be read', { code: 'SAFETENSORS_HEADER', found, expected });
  };
  if (bytes.length < 8) return fail(`a file of ${bytes.length} bytes`, 'at least 8');
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) return fail(`a header of ${length} bytes`, `at most ${maxHeaderBytes}`);
  const end = 8 + Number(length);
  if (end > bytes.length)
    return fail(`a header of ${length} bytes in a file of ${bytes.length}`, `at most ${bytes.length - 8}`);
  try {
    return {
      text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(8, end)),
      data: bytes.subarray(end),
    };
  } catch {
    return fail('bytes that are not UTF-8', 'JSON text');
  }
}

function parseHeader(text: string): Record<string, unknown> {
  let header: unknown;
  try {
    header = text.startsWith('{') ? JSON.parse(text) : undefined;
  } catch {
    // Reported below.
  }
  if (!isObject(header)) {
    throw new FormatError('The safetensors header is not a JSON object', {
      code: 'SAFETENSORS_HEADER',
      found: shorten(text, 40),
      expected: '{"name": {…}}',
    });
  }
  const twice = duplicateKey(text);
  if (twice !== undefined)
    throw new FormatError('The safetensors header has the same key twice', {
      code: 'SAFETENSORS_HEADER',
      found: shorten(twice),
    });
  return header;
}

function metadataOf(value: unknown): [string, string][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    const pairs = Object.entries(value);
    if (pairs.every((pair): pair is [string, string] => typeof pair[1] === 'string')) return pairs;
  }
  throw new FormatError('The safetensors metadata is not valid', {
    code: 'SAFETENSORS_HEADER',
    expected: 'an object of strings',
  });
}

function entryOf(name: string, value: unknown): { dtype: Dtype; shape: readonly number[]; start: number; end: number } {
  const what = `The header entry of tensor ${shorten(name)}`;
  const {
    dtype,
    shape,
    data_offsets: [start, end],
  } = validate(entrySchema, value, { what, code: 'SAFETENSORS_ENTRY', error: FormatError });
  if (!isDtype(dtype))
    throw new FormatError(`${what} has an unknown dtype`, {
      code: 'SAFETENSORS_ENTRY',
      found: shorten(dtype),
      expected: Object.keys(BYTES).join(', '),
    });
  const size = byteLength(dtype, shape);
  if (size === undefined || end - start !== size) {
    throw new FormatError(`${what} has offsets that do not fit its shape`, {
      code: 'SAFETENSORS_ENTRY',
      found: `[${start}, ${end}]`,
      expected: size === undefined ? 'a shape of possible size' : `${size} bytes for ${dtype} [${shape.join(', ')}]`,
    });
  }
  return { dtype, shape, start, end };
}

const isDtype = (text: string): text is Dtype => Object.hasOwn(BYTES, text);

/** Undefined when the size is too large to be counted. */
function byteLength(dtype: Dtype, shape: readonly number[]): number | undefined {
  let size: number = BYTES[dtype];
  for (const dimension of shape) {
    size *= dimension;
    if (!Number.isSafeInteger(size)) return undefined;
  }
  return size;
}

/**
 * The first key that occurs twice in one object of a text that is valid JSON; `JSON.parse` would keep the last
 * silently.
 */
function duplicateKey(json: string): string | undefined {
  const seen: Set<string>[] = [];
  // Not a regular expression: on a string of megabytes an engine may run out of stack.
  for (let i = 0; i < json.length; i++) {
    const character = json[i];
    if (character === '{') seen.push(new Set());
    else if (character === '}') seen.pop();
    if (character !== '"') continue;
    const start = i++;
    while (json[i] !== '"') i += json[i] === '\\' ? 2 : 1;
    let next = i + 1;
    while (WHITESPACE.includes(json[next] ?? 'end')) next++;
    if (json[next] !== ':') continue;
    const key: string = JSON.parse(json.slice(start, i + 1));
    const keys = seen.at(-1);
    if (keys?.has(key) === true) return key;
    keys?.add(key);
  }
  return undefined;
}

const WHITESPACE = ' \t\n\r';

/**
 * Write a safetensors file: header padded to 8 bytes, tensors sorted by element size (largest first, so that all are
 * aligned) and then by name, so equal content gives equal bytes.
 *
 * @throws FormatError SAFETENSORS_ENTRY when a name is reserved or bytes do not fit a shape.
 */
export function writeSafetensors(
  tensors: Iterable<readonly [string, Tensor]>,
  metadata: Iterable<readonly [string, string]> = [],
): Uint8Array {
  const byText = (a: readonly [string, unknown], b: readonly [string, unknown]): number => (a[0] < b[0] ? -1 : 1);
  const entries = [...new Map(tensors)].sort((a, b) => BYTES[b[1].dtype] - BYTES[a[1].dtype] || byText(a, b));
  const pairs = [...new Map(metadata)]
    .sort(byText)
    .map(([key, text]) => `${JSON.stringify(key)}:${JSON.stringify(text)}`);
  // Put together as text: as an object, a tensor named __proto__ would be lost.
  const parts = pairs.length === 0 ? [] : [`"__metadata__":{${pairs.join(',')}}`];
  let size = 0;
  for (const [name, { dtype, shape, bytes }] of entries) {
    if (name === '__metadata__' || byteLength(dtype, shape) !== bytes.length) {
      throw new FormatError(`Tensor ${shorten(name)} cannot be written`, {
        code: 'SAFETENSORS_ENTRY',
        found: `${bytes.length} bytes`,
        expected: `${byteLength(dtype, shape)} for ${dtype} [${shape.join(', ')}], and a name other than __metadata__`,
      });
    }
    parts.push(
      `${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: [size, size + bytes.length] })}`,
    );
    size += bytes.length;
  }
  const text = new TextEncoder().encode(`{${parts.join(',')}}`);
  const start = 8 + Math.ceil(text.length / 8) * 8;
  const file = new Uint8Array(start + size).fill(0x20, 0, start);
  new DataView(file.buffer).setBigUint64(0, BigInt(start - 8), true);
  file.set(text, 8);
  let at = start;
  for (const [, { bytes }] of entries) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}

/** An F32 tensor of these values; shares their memory. */
export function fromFloat32(values: Float32Array, shape: readonly number[] = [values.length]): Tensor {
  return { dtype: 'F32', shape, bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength) };
}

/**
 * Values of a tensor as float32, a copy. F64 is rounded.
 *
 * @throws UnsupportedError SAFETENSORS_DTYPE unless it is F32, F16, BF16 or F64.
 */
export function toFloat32(tensor: Tensor): Float32Array {
  // All platforms that run JavaScript are little-endian, as the format is.
  // Not `slice`, which for Node's Buffer copies nothing.
  if (tensor.dtype === 'F32') return new Float32Array(new Uint8Array(tensor.bytes).buffer);
  return fill(tensor, new Float32Array(tensor.bytes.length / BYTES[tensor.dtype]), FLOATS);
}

/**
 * Values of a tensor as float64, a copy; integers too (64-bit ones as long as they are below 2⁵³).
 *
 * @throws UnsupportedError SAFETENSORS_DTYPE for FP8 and complex numbers.
 */
export function toFloat64(tensor: Tensor): Float64Array {
  return fill(tensor, new Float64Array(tensor.bytes.length / BYTES[tensor.dtype]), { ...FLOATS, ...INTEGERS });
}

type Reader = (view: DataView, at: number) => number;

const scratch = new DataView(new ArrayBuffer(4));

const FLOATS: Partial<Record<Dtype, Reader>> = {
  F32: (view, at) => view.getFloat32(at, true),
  F64: (view, at) => view.getFloat64(at, true),
  F16: (view, at) => halfToNumber(view.getUint16(at, true)),
  // The upper half of a float32.
  BF16: (view, at) => (scratch.setUint32(0, view.getUint16(at, true) * 0x10000), scratch.getFloat32(0)),
};

const INTEGERS: Partial<Record<Dtype, Reader>> = {
  BOOL: (view, at) => view.getUint8(at),
  U8: (view, at) => view.getUint8(at),
  I8: (view, at) => view.getInt8(at),
  U16: (view, at) => view.getUint16(at, true),
  I16: (view, at) => view.getInt16(at, true),
  U32: (view, at) => view.getUint32(at, true),
  I32: (view, at) => view.getInt32(at, true),
  U64: (view, at) => Number(view.getBigUint64(at, true)),
  I64: (view, at) => Number(view.getBigInt64(at, true)),
};

function fill<A extends Float32Array | Float64Array>(
  { dtype, bytes }: Tensor,
  values: A,
  readers: Partial<Record<Dtype, Reader>>,
): A {
  const read = readers[dtype];
  if (read === undefined)
    throw new UnsupportedError('A tensor has a type that is not read as numbers', {
      code: 'SAFETENSORS_DTYPE',
      found: dtype,
      expected: Object.keys(readers).join(', '),
    });
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let i = 0; i < values.length; i++) values[i] = read(view, i * BYTES[dtype]);
  return values;
}

/** IEEE 754 binary16. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
