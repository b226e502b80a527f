import { DataError, shorten } from '@hadamard-adapter/core';

/**
 * Bytes of a text file as a string, without byte-order mark.
 *
 * @throws DataError TEXT_ENCODING saying what the bytes look like instead.
 */
export function decodeText(bytes: Uint8Array, name: string): string {
  const lookalike = binaryLookalike(bytes);
  if (lookalike !== undefined) throw encodingError(name, lookalike);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw encodingError(name, 'bytes of another encoding, perhaps Latin-1 or Windows-1252');
  }
}

function encodingError(name: string, found: string): DataError {
  return new DataError(`${name} is not UTF-8 text`, {
    code: 'TEXT_ENCODING',
    found,
    expected: 'UTF-8',
    hint: 'Save it as UTF-8 text.',
  });
}

/** Beginnings of files that are given by mistake. */
const SIGNATURES: readonly (readonly [string, string])[] = [
  ['PK\u0003\u0004', 'a zip archive, perhaps a spreadsheet (.xlsx)'],
  ['PAR1', 'a Parquet file'],
  ['%PDF', 'a PDF'],
  ['\u001f\u008b', 'a gzip archive'],
  ['\u00d0\u00cf\u0011\u00e0', 'an old Office document'],
];

function binaryLookalike(bytes: Uint8Array): string | undefined {
  const start = String.fromCharCode(...bytes.subarray(0, 8));
  const signature = SIGNATURES.find(([prefix]) => start.startsWith(prefix));
  if (signature !== undefined) return signature[1];
  if (start.startsWith('\u00ff\u00fe') || start.startsWith('\u00fe\u00ff')) return 'UTF-16';
  return bytes.subarray(0, 65_536).includes(0) ? 'binary data' : undefined;
}

/** Longest field that is taken for text; beyond it a quote is missing, or the file is something else. */
export const MAX_FIELD = 1_000_000;

/** A short, one-line quotation for messages. */
export function quote(text: string, length = 40): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return JSON.stringify(line.length > length ? `${line.slice(0, length)}…` : line);
}

/** Column names for messages: they come from a file, which may have no header but texts of a megabyte. */
export function columnList(columns: readonly string[]): string {
  return columns
    .slice(0, 30)
    .map((column) => shorten(column, 40))
    .join(', ');
}

/** What a parser of ours or of a library said, on one line: some quote the file. */
export function reason(cause: unknown): string {
  return shorten(
    typeof cause === 'object' && cause !== null && 'message' in cause ? String(cause.message) : String(cause),
    200,
  );
}
