/**
 * Views at least this long are handed on as they are; shorter ones are gathered, so that a model is not thousands of
 * chunks.
 */
const GATHER_BELOW = 4096;

/** Bytes of `chunks` together. */
export function byteLength(chunks: readonly Uint8Array[]): number {
  return chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0);
}

/** `chunks` in one array: a copy, for runtimes and files that cannot take them one by one. */
export function concatChunks(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(byteLength(chunks));
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return whole;
}

/** Neighbouring small chunks made one; large ones stay the views they are. */
export function gatherChunks(chunks: readonly Uint8Array[]): Uint8Array[] {
  const gathered: Uint8Array[] = [];
  let small: Uint8Array[] = [];
  const flush = (): void => {
    if (small.length > 0) gathered.push(concatChunks(small));
    small = [];
  };
  for (const chunk of chunks) {
    if (chunk.byteLength < GATHER_BELOW) {
      small.push(chunk);
    } else {
      flush();
      gathered.push(chunk);
    }
  }
  flush();
  return gathered;
}

/** A length-delimited protobuf field whose content is already encoded: tag and length, then the content itself. */
export function field(number: number, content: readonly Uint8Array[]): Uint8Array[] {
  return [Uint8Array.from([...varint(number * 8 + 2), ...varint(byteLength(content))]), ...content];
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  bytes.push(value);
  return bytes;
}
