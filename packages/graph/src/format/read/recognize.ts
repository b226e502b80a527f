/**
 * What a file that is no ONNX model looks like instead, as a short phrase for an error message; undefined when nothing
 * is recognized. Only looks at the first bytes.
 */
export function recognize(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0) return 'an empty file';
  const head = latin1(bytes.subarray(0, 64));
  if (head.startsWith('version https://git-lfs'))
    return 'a git-lfs pointer; run `git lfs pull` or download the file itself';
  if (/^\s*<(!doctype|html|\?xml|head|body)/i.test(head))
    return 'a web page, probably the error page of a failed download';
  const known = MAGIC.find(({ at, magic }) => head.startsWith(magic, at));
  if (known !== undefined) return known.what;
  if (isSafetensors(bytes)) return 'a safetensors file: weights without a graph';
  if (/^\s*[[{]\s*["{[\]}]/.test(head)) return 'JSON';
  if (/^[\t\n\r\x20-\x7e]+$/.test(head)) return `plain text that starts with ${JSON.stringify(head.slice(0, 30))}`;
  if (bytes.subarray(0, 4096).every((byte) => byte === 0)) return 'nothing but zeros, probably an unfinished download';
  return undefined;
}

const MAGIC = [
  { at: 0, magic: 'PK\x03\x04', what: 'a zip archive, such as a PyTorch checkpoint or .npz' },
  { at: 0, magic: '\x1f\x8b', what: 'a gzip archive; unpack it first' },
  { at: 0, magic: '\x80\x02', what: 'a Python pickle' },
  { at: 0, magic: '\x89HDF', what: 'an HDF5 file, such as a Keras .h5' },
  { at: 0, magic: 'GGUF', what: 'a GGUF file' },
  { at: 4, magic: 'TFL3', what: 'a TensorFlow Lite file' },
  { at: 4, magic: 'ORTM', what: 'an ORT-format file; use the .onnx file it was made from' },
] as const;

/** Eight bytes of header length, then a JSON object. */
export function isSafetensors(bytes: Uint8Array): boolean {
  if (bytes.length < 10 || bytes[8] !== 0x7b) return false;
  const header = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  return header < 100_000_000n;
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}
