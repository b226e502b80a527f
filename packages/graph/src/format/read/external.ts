import { FormatError } from '../../errors.js';
import { quote } from '../../ir/quote.js';
import type { TensorProto } from './onnx_pb.js';

/** Bytes of an external data file by the location that the model gives, or undefined when there is no such file. */
export type ExternalData = (location: string) => Uint8Array | undefined;

/**
 * True for a path that stays inside the model's own folder on every platform: relative, separated by `/`, no `..`, no
 * drive letter, no backslash, no control character.
 */
export function isPlainLocation(location: string): boolean {
  // eslint-disable-next-line no-control-regex -- control characters are what this refuses
  if (location === '' || /[\\\u0000-\u001f\u007f]/.test(location) || /^[a-z]+:/i.test(location)) return false;
  return location.split('/').every((part) => part !== '' && part !== '..');
}

/** `source` that is asked only once for each location. */
export function rememberExternalData(source: ExternalData | undefined): ExternalData {
  const files = new Map<string, Uint8Array | undefined>();
  return (location) => {
    if (!files.has(location)) files.set(location, source?.(location));
    return files.get(location);
  };
}

/**
 * The `expected` bytes of a tensor that its model keeps in another file: a view.
 *
 * @throws FormatError `ONNX_EXTERNAL_PATH` for a location outside the folder, `ONNX_EXTERNAL_MISSING` when there is no
 *   such file, `ONNX_EXTERNAL_RANGE` when offset and length are not within it or do not match the shape.
 */
export function externalBytes(proto: TensorProto, what: string, expected: number, files: ExternalData): Uint8Array {
  const entries = new Map(proto.externalData.map(({ key, value }) => [key, value]));
  const location = entries.get('location') ?? '';
  if (!isPlainLocation(location)) {
    throw new FormatError(`${what} keeps its data outside the model's folder`, {
      code: 'ONNX_EXTERNAL_PATH',
      found: `location ${quote(location)}`,
      expected: 'a plain relative path',
    });
  }
  const offset = wholeNumber(entries.get('offset') ?? '0');
  const length = wholeNumber(entries.get('length') ?? String(expected));
  if (offset === undefined || length !== expected) {
    throw new FormatError(`${what} has a wrong place in ${quote(location)}`, {
      code: 'ONNX_EXTERNAL_RANGE',
      found: `offset ${quote(entries.get('offset') ?? '')}, length ${quote(entries.get('length') ?? '')}`,
      expected: `${expected} bytes`,
    });
  }
  const file = files(location);
  if (file === undefined) {
    throw new FormatError(`${what} is kept in another file, which is missing`, {
      code: 'ONNX_EXTERNAL_MISSING',
      expected: quote(location),
      hint: 'Put it beside the model, or pass it as externalData',
    });
  }
  // Both are safe integers, so at worst the sum is rounded, and then far beyond any file.
  if (offset + length > file.byteLength) {
    throw new FormatError(`${what} reaches beyond the end of ${quote(location)}`, {
      code: 'ONNX_EXTERNAL_RANGE',
      found: `bytes ${offset} to ${offset + length}`,
      expected: `at most ${file.byteLength}`,
    });
  }
  return new Uint8Array(file.buffer, file.byteOffset + offset, length);
}

function wholeNumber(text: string): number | undefined {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : NaN;
  return Number.isSafeInteger(value) ? value : undefined;
}
