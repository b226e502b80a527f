import { DownloadError, reasonOf } from './errors.js';

/** What the bytes of a file must be. */
export interface Expected {
  /** In bytes. */
  readonly size?: number;
  /** In hexadecimal digits. */
  readonly sha256?: string;
}

export interface DownloadOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Instead of the global `fetch`. */
  readonly fetch?: typeof fetch;
  readonly signal?: AbortSignal;
  /** Bytes so far, and of how many where the server says. */
  readonly onProgress?: (loaded: number, total: number | undefined) => void;
  readonly expected?: Expected;
}

/** A file that is on its way. */
export interface Download {
  /** Bytes of the file, where the server says it. */
  readonly total: number | undefined;
  /** Size and hash that the file has to have, as far as they are known. */
  readonly expected: Expected;
  /** Ends with an error when the size is not the announced one. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/**
 * The bytes of a file at an address, in memory once: they are written into one buffer of the announced length as they
 * come. Its size and, where it is known, its SHA-256 are checked.
 *
 * @example
 *   const bytes = await download('https://example.org/model.onnx', { expected: { size: 1024 } });
 *
 * @throws DownloadError DOWNLOAD_FAILED when the server answers with anything but the file; the signal's reason when it
 *   was aborted.
 */
export async function download(address: string | URL, options: DownloadOptions = {}): Promise<Uint8Array> {
  const { total, expected, chunks } = await openDownload(address, options);
  const bytes = await gather(chunks, total);
  const { subtle } = globalThis.crypto;
  // Pages that are no secure contexts cannot hash; there the size has to do.
  if (expected.sha256 !== undefined && (subtle as SubtleCrypto | undefined) !== undefined)
    checkHash(address, new Uint8Array(await subtle.digest('SHA-256', bytes)), expected);
  return bytes;
}

/**
 * Begin a download. Whoever takes its chunks checks the hash when all are there.
 *
 * @throws as `download`.
 */
export async function openDownload(
  address: string | URL,
  { fetch: fetcher = fetch, headers, signal, onProgress, expected = {} }: DownloadOptions = {},
): Promise<Download> {
  const url = String(address);
  const failed = (cause: unknown): unknown =>
    signal?.aborted === true || cause instanceof DownloadError
      ? cause
      : new DownloadError(url, reasonOf(cause), { cause });
  const response = await fetcher(url, {
    ...(headers === undefined ? {} : { headers }),
    ...(signal === undefined ? {} : { signal }),
  }).catch((cause: unknown) => {
    throw failed(cause);
  });
  if (!response.ok || response.body === null) {
    const { status, statusText } = response;
    void response.body?.cancel().catch(() => undefined);
    throw new DownloadError(url, `status ${status}${statusText === '' ? '' : ` ${statusText}`}`, { status });
  }
  // Single-page servers answer whatever is not there with their page, and proxies with theirs.
  if (response.headers.get('content-type')?.startsWith('text/html') === true)
    throw new DownloadError(url, 'an HTML page');
  const known = { ...announced(response.headers), ...expected };
  const total = known.size;
  return { total, expected: known, chunks: counted(response.body, url, total, { signal, onProgress }, failed) };
}

/** What the answer itself says of the file. The hub names the hash of large files in `x-linked-etag`. */
function announced(headers: Headers): Expected {
  const length = Number(headers.get('content-length') ?? Number.NaN);
  const [, sha256] = /^(?:W\/)?"?([0-9a-f]{64})"?$/.exec(headers.get('x-linked-etag') ?? '') ?? [];
  return {
    // With a content encoding the length is that of the packed bytes.
    ...(Number.isSafeInteger(length) && length > 0 && headers.get('content-encoding') === null ? { size: length } : {}),
    ...(sha256 === undefined ? {} : { sha256 }),
  };
}

async function* counted(
  body: ReadableStream<Uint8Array>,
  url: string,
  total: number | undefined,
  { signal, onProgress }: { readonly [Name in 'signal' | 'onProgress']: DownloadOptions[Name] },
  failed: (cause: unknown) => unknown,
): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  const stop = (): void => void reader.cancel().catch(() => undefined);
  // Node 20 lets a body that has come whole wait for ever once its request is aborted.
  signal?.addEventListener('abort', stop, { once: true });
  let loaded = 0;
  try {
    for (;;) {
      signal?.throwIfAborted();
      const { done, value } = await reader.read();
      signal?.throwIfAborted();
      if (done) break;
      loaded += value.byteLength;
      if (total !== undefined && loaded > total) throw new DownloadError(url, `more than ${total} bytes`);
      onProgress?.(loaded, total);
      yield value;
    }
    if (total !== undefined && loaded < total) throw new DownloadError(url, `${loaded} of ${total} bytes`);
    if (total === undefined) onProgress?.(loaded, loaded);
  } catch (cause) {
    throw failed(cause);
  } finally {
    signal?.removeEventListener('abort', stop);
    // What is left of a download that nobody reads to its end is not waited for.
    stop();
  }
}

async function gather(chunks: AsyncIterable<Uint8Array>, total: number | undefined): Promise<Uint8Array<ArrayBuffer>> {
  if (total === undefined) {
    const parts: BlobPart[] = [];
    for await (const chunk of chunks) parts.push(chunk as Uint8Array<ArrayBuffer>);
    return new Uint8Array(await new Blob(parts).arrayBuffer());
  }
  const bytes = new Uint8Array(total);
  let offset = 0;
  for await (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

/** @throws DownloadError when the digest of what came is not the expected one. */
export function checkHash(address: string | URL, digest: Uint8Array, { sha256 }: Expected): void {
  const found = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  if (sha256 !== undefined && found !== sha256.toLowerCase())
    throw new DownloadError(
      String(address),
      `other bytes (SHA-256 ${found.slice(0, 12)}…, not ${sha256.slice(0, 12)}…)`,
    );
}
