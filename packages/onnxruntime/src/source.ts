import { messageOf } from '@hadamard-adapter/core/internal';
import { RuntimeError } from '@hadamard-adapter/core';
import { DownloadError, download } from '@hadamard-adapter/hub/internal';

/** An ONNX file: its bytes, a File or Blob, or the URL to fetch it from (in Node a `file:` URL too). */
export type ModelBytes = Uint8Array | ArrayBuffer | Blob | URL;

export interface ReadBytesOptions {
  /** Reads `file:` addresses, which `fetch` does not. */
  readonly readFile?: ((url: URL) => Promise<Uint8Array>) | undefined;
  readonly onDownload?: (loaded: number, total: number | undefined) => void;
  readonly signal?: AbortSignal;
}

/**
 * The bytes of a model file, in memory once: what is in memory already is looked at where it is, and a download is
 * written into one buffer of its announced length as it comes.
 *
 * @throws RuntimeError MODEL_FETCH when the server answers with anything but the file.
 */
export async function readBytes(source: ModelBytes, options: ReadBytesOptions = {}): Promise<Uint8Array> {
  if (source instanceof Uint8Array) return source;
  if (source instanceof ArrayBuffer) return new Uint8Array(source);
  if (source instanceof URL)
    return source.protocol === 'file:' && options.readFile !== undefined
      ? openFile(source, options.readFile)
      : fetchModel(source, options);
  return new Uint8Array(await source.arrayBuffer());
}

async function openFile(url: URL, readFile: (url: URL) => Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await readFile(url);
  } catch (cause) {
    throw new RuntimeError('The model could not be read', {
      code: 'MODEL_FETCH',
      found: messageOf(cause),
      expected: 'an ONNX file',
      cause,
    });
  }
}

async function fetchModel(url: URL, { onDownload, signal }: ReadBytesOptions): Promise<Uint8Array> {
  try {
    return await download(url, {
      ...(onDownload === undefined ? {} : { onProgress: onDownload }),
      ...(signal === undefined ? {} : { signal }),
    });
  } catch (cause) {
    if (!(cause instanceof DownloadError)) throw cause;
    throw new RuntimeError('The model could not be fetched', {
      code: 'MODEL_FETCH',
      ...(cause.found === undefined ? {} : { found: cause.found }),
      expected: 'an ONNX file',
      hint: 'Check the address; a server elsewhere must allow this page (CORS).',
      cause,
    });
  }
}
