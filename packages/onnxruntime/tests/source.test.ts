import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodePlatform } from '../src/devices/node.js';
import { readBytes } from '../src/source.js';

const FILE = Uint8Array.from({ length: 20_000 }, (_, i) => i % 251);
const answers: Record<string, (response: ServerResponse) => void> = {
  '/model.onnx': (response) => response.setHeader('content-length', FILE.length).end(FILE),
  '/chunked.onnx': (response) => response.end(FILE),
  '/short.onnx': (response) => {
    response.setHeader('content-length', FILE.length).write(FILE.subarray(0, 1000));
    setTimeout(() => response.destroy(), 20);
  },
  '/page.onnx': (response) => response.setHeader('content-type', 'text/html').end('<!doctype html>'),
};
const server = createServer(({ url = '' }, response) => {
  const answer = answers[url];
  if (answer === undefined) response.writeHead(404).end();
  else answer(response);
});
let base = '';

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

describe('the bytes of a model', () => {
  it('are not copied where they are in memory already', async () => {
    expect(await readBytes(FILE)).toBe(FILE);
    const { buffer } = await readBytes(FILE.buffer as ArrayBuffer);
    expect(buffer).toBe(FILE.buffer);
  });

  it('come from a file', async () => {
    expect(await readBytes(new Blob([FILE]))).toEqual(FILE);
  });

  it.each(['model.onnx', 'chunked.onnx'])('come from %s, with progress', async (name) => {
    const seen: (number | undefined)[][] = [];
    expect(await readBytes(new URL(`${base}/${name}`), { onDownload: (...progress) => seen.push(progress) })).toEqual(
      FILE,
    );
    expect(seen.at(-1)).toEqual([FILE.length, FILE.length]);
  });

  it.each([
    ['missing.onnx', 'status 404'],
    ['page.onnx', 'HTML'],
    ['short.onnx', ''],
  ])('that do not come are an error: %s', async (name, words) => {
    const error = await readBytes(new URL(`${base}/${name}`)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'MODEL_FETCH' });
    expect(String(error)).toContain(words);
    expect(String(error)).toContain(name);
  });

  it('come from a file: address where there are files', async () => {
    const model = new URL('../../conformance-fixtures/fixtures/bert/model.onnx', import.meta.url);
    const { readFile } = nodePlatform;
    expect((await readBytes(model, { readFile })).byteLength).toBeGreaterThan(1000);
    const missing = await readBytes(new URL('no-such.onnx', model), { readFile }).catch((thrown: unknown) => thrown);
    expect(missing).toMatchObject({ code: 'MODEL_FETCH' });
  });

  it('from nowhere', async () => {
    expect(await readBytes(new URL('http://127.0.0.1:1/model.onnx')).catch((thrown: unknown) => thrown)).toMatchObject({
      code: 'MODEL_FETCH',
    });
  });

  it('can be stopped', async () => {
    const controller = new AbortController();
    controller.abort();
    expect(
      await readBytes(new URL(`${base}/model.onnx`), { signal: controller.signal }).catch((thrown: unknown) => thrown),
    ).toMatchObject({ name: 'AbortError' });
  });
});
