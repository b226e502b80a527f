import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { failure } from '../../onnxruntime/tests/support/failure.js';
import { download, type DownloadOptions } from '../src/download/download.js';
import { downloadFile } from '../src/download/download-file.js';
import { DownloadError } from '../src/download/errors.js';

const FILE = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
const SHA256 = createHash('sha256').update(FILE).digest('hex');
const OTHER = '0'.repeat(64);
const answers: Record<string, (response: ServerResponse) => void> = {
  '/file': (response) => response.setHeader('content-length', FILE.length).end(FILE),
  '/chunked': (response) => response.end(FILE),
  '/packed': (response) => response.setHeader('content-encoding', 'gzip').end(gzipSync(FILE)),
  '/short': (response) => {
    response.setHeader('content-length', FILE.length).write(FILE.subarray(0, 1000));
    setTimeout(() => response.destroy(), 20);
  },
  '/page': (response) => response.setHeader('content-type', 'text/html; charset=utf-8').end('<!doctype html>'),
  '/linked': (response) => response.setHeader('x-linked-etag', `"${OTHER}"`).end(FILE),
};
const server = createServer(({ url = '' }, response) => {
  const answer = answers[url];
  if (answer === undefined) response.writeHead(404).end();
  else answer(response);
});
let base = '';
let folder = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  folder = mkdtempSync(join(tmpdir(), 'hadamard-download-'));
});
afterAll(() => {
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Into memory and into a file: what is refused and why is the same. */
describe.each([
  ['memory', download],
  [
    'a file',
    async (address: string, options: DownloadOptions): Promise<Uint8Array> => {
      await downloadFile(join(folder, 'made', 'file'), address, options);
      return new Uint8Array(readFileSync(join(folder, 'made', 'file')));
    },
  ],
] as const)('a download into %s', (_, into) => {
  const get = (path: string, options: DownloadOptions = {}): Promise<Uint8Array> => into(`${base}/${path}`, options);
  beforeEach(() => rmSync(join(folder, 'made'), { recursive: true, force: true }));

  it.each(['file', 'chunked', 'packed'])('brings /%s, with progress', async (path) => {
    const seen: (number | undefined)[][] = [];
    const options = { onProgress: (...progress: [number, number | undefined]) => void seen.push(progress) };
    const checked = await get(path, { ...options, expected: { sha256: SHA256, size: FILE.length } });
    for (const bytes of [checked, await get(path, options)]) expect(Buffer.compare(bytes, FILE)).toBe(0);
    expect(seen.at(-1)).toEqual([FILE.length, FILE.length]);
  });

  it.each<[string, DownloadOptions['expected'], string, number | undefined]>([
    ['none', {}, 'status 404', 404],
    ['page', {}, 'an HTML page', undefined],
    ['short', {}, '', undefined],
    ['file', { size: 99_999 }, 'more than 99999 bytes', undefined],
    ['file', { size: 100_001 }, '100000 of 100001 bytes', undefined],
    ['file', { sha256: OTHER }, `SHA-256 ${SHA256.slice(0, 12)}…, not 000000000000…`, undefined],
    ['linked', {}, 'not 000000000000…', undefined],
  ])('of /%s with %j is refused', async (path, expected, words, status) => {
    const error = await failure(get(path, { expected: expected ?? {} }));
    expect(error).toBeInstanceOf(DownloadError);
    expect(error).toMatchObject({ name: 'RuntimeError', code: 'DOWNLOAD_FAILED', status });
    expect(error.message).toContain(words);
    expect(error.message).toContain(`${base}/${path}`);
    expect(existsSync(join(folder, 'made', 'file'))).toBe(false);
  });

  it('from nowhere says why', async () => {
    expect((await failure(into('http://127.0.0.1:1/file', {}))).message).toMatch(/fetch failed \(.+\) from http/);
  });

  it('can be stopped', async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(get('file', { signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' });
    const later = new AbortController();
    await expect(
      get('file', { signal: later.signal, onProgress: () => later.abort(new Error('enough')) }),
    ).rejects.toThrow('enough');
  });
});

describe('a download into a file', () => {
  it('that fails leaves the file that was there, and nothing beside it', async () => {
    const path = join(folder, 'kept', 'file');
    await downloadFile(path, `${base}/file`);
    writeFileSync(path, 'mine');
    await failure(downloadFile(path, `${base}/short`));
    await failure(downloadFile(path, `${base}/file`, { expected: { sha256: OTHER } }));
    expect(readFileSync(path, 'utf8')).toBe('mine');
    expect(readdirSync(join(folder, 'kept'))).toEqual(['file']);
  });
});
