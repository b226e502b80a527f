import { RuntimeError } from '@hadamard-adapter/core';

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
      : download(source, options);
  return new Uint8Array(await source.arrayBuffer());
}

async function openFile(url: URL, readFile: (url: URL) => Promise<Uint8Array>): Promise<Uint8Array> {
  try {
    return await readFile(url);
  } catch (cause) {
    throw new RuntimeError('The model could not be read', {
      code: 'MODEL_FETCH',
      found: cause instanceof Error ? cause.message : String(cause),
      expected: 'an ONNX file',
      cause,
    });
  }
}

async function download(url: URL, { onDownload, signal }: ReadBytesOptions): Promise<Uint8Array> {
  const failed = (found: string, cause?: unknown): RuntimeError =>
    new RuntimeError('The model could not be fetched', {
      code: 'MODEL_FETCH',
      found: `${found} from ${url.href}`,
      expected: 'an ONNX file',
      hint: 'Check the address; a server elsewhere must allow this page (CORS).',
      cause,
    });
  try {
    const response = await fetch(url, signal === undefined ? {} : { signal });
    if (!response.ok || response.body === null) throw failed(`status ${response.status}`);
    // Single-page servers answer whatever is not there with their page.
    if (/text\/html/.test(response.headers.get('content-type') ?? '')) throw failed('an HTML page');
    return await receive(response, response.body, onDownload, failed);
  } catch (cause) {
    if (signal?.aborted === true || cause instanceof RuntimeError) throw cause;
    throw failed(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

async function receive(
  { headers }: Response,
  body: ReadableStream<Uint8Array>,
  onDownload: ReadBytesOptions['onDownload'],
  failed: (found: string) => RuntimeError,
): Promise<Uint8Array> {
  const announced = Number(headers.get('content-length') ?? Number.NaN);
  // With a content encoding the length is that of the packed bytes.
  const total =
    Number.isSafeInteger(announced) && announced > 0 && headers.get('content-encoding') === null
      ? announced
      : undefined;
  if (total === undefined) {
    const bytes = new Uint8Array(await new Response(body as BodyInit).arrayBuffer());
    onDownload?.(bytes.byteLength, bytes.byteLength);
    return bytes;
  }
  const bytes = new Uint8Array(total);
  let loaded = 0;
  for await (const chunk of body as unknown as AsyncIterable<Uint8Array>) {
    if (loaded + chunk.byteLength > total) throw failed(`more than the ${total} bytes announced`);
    bytes.set(chunk, loaded);
    loaded += chunk.byteLength;
    onDownload?.(loaded, total);
  }
  if (loaded < total) throw failed(`${loaded} of ${total} bytes`);
  return bytes;
}
