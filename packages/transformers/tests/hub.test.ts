import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from '@huggingface/transformers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { concatChunks, readModel, writeModelWithExternalData } from '@hadamard-adapter/graph/internal';
import { readModelFile } from '../src/hub/model-file.js';
import { placesOf } from '../src/hub/places.js';
import { readHubFile } from '../src/hub/read-file.js';
import type { LibraryEnv } from '../src/library.js';
import { ASSETS, failure } from './support.js';

let server: Server;
let asked: string[];
let folder: string;
let settings: LibraryEnv;
/** What the hub answers, by path. */
const repository: Record<string, { status?: number; body?: Uint8Array }> = {
  '/org/model/resolve/main/config.json': { body: new TextEncoder().encode('{}') },
  '/org/model/resolve/v2/config.json': { body: new TextEncoder().encode('{"two":2}') },
  '/org/private/resolve/main/config.json': { status: 401 },
};

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const { status = 200, body } = repository[request.url ?? ''] ?? { status: 404 };
    response.writeHead(status).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  folder = mkdtempSync(join(tmpdir(), 'hadamard-hub-'));
});
afterAll(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});
beforeEach(() => {
  asked = [];
  rmSync(join(folder, 'cache'), { recursive: true, force: true });
  settings = {
    ...(env as unknown as LibraryEnv),
    allowRemoteModels: true,
    allowLocalModels: true,
    localModelPath: join(folder, 'models'),
    remoteHost: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    cacheDir: join(folder, 'cache'),
    useBrowserCache: false,
  };
});

const text = async (id: string, options = {}): Promise<string> =>
  new TextDecoder().decode(await readHubFile(settings, id, 'config.json', options));

describe('a file of the hub', () => {
  it('is downloaded once, and lies where transformers.js would look for it', async () => {
    expect(await text('org/model')).toBe('{}');
    expect(readFileSync(join(folder, 'cache', 'org', 'model', 'config.json'), 'utf8')).toBe('{}');
    expect(await text('org/model')).toBe('{}');
    expect(await text('org/model', { local_files_only: true })).toBe('{}');
    expect(asked).toEqual(['/org/model/resolve/main/config.json']);
    expect(readdirSync(join(folder, 'cache', 'org', 'model'))).toEqual(['config.json']);
  });

  it('has revisions, kept apart', async () => {
    expect(await text('org/model')).toBe('{}');
    expect(await text('org/model', { revision: 'v2' })).toBe('{"two":2}');
    expect(existsSync(join(folder, 'cache', 'org', 'model', 'v2', 'config.json'))).toBe(true);
  });

  it('is not asked for when it is here', async () => {
    mkdirSync(join(folder, 'models', 'org', 'model'), { recursive: true });
    writeFileSync(join(folder, 'models', 'org', 'model', 'config.json'), 'mine');
    expect(await text('org/model')).toBe('mine');
    expect(await text(join(folder, 'models', 'org', 'model'))).toBe('mine');
    expect(asked).toEqual([]);
    rmSync(join(folder, 'models'), { recursive: true });
  });

  it("goes through a cache of the person's own", async () => {
    const kept = new Map<string, Response>();
    settings = {
      ...settings,
      useCustomCache: true,
      customCache: {
        match: async (key) => kept.get(key)?.clone(),
        put: async (key, response) => void kept.set(key, response),
      },
    };
    expect(await text('org/model')).toBe('{}');
    expect(await text('org/model')).toBe('{}');
    expect(asked).toHaveLength(1);
    expect([...kept.keys()][0]).toMatch(/resolve\/main\/config\.json$/);
    expect(existsSync(join(folder, 'cache'))).toBe(false);
  });

  it('is missing: every place is named', async () => {
    const error = await failure(text('org/none'));
    expect(error.code).toBe('HUB_FILE');
    for (const place of [
      'models/org/none/config.json',
      'cache/org/none/config.json',
      '/org/none/resolve/main/config.json',
    ])
      expect(error.message).toContain(place);
    expect(await readHubFile(settings, 'org/none', 'README.md', { optional: true })).toBeUndefined();
  });

  it('is private', async () => {
    const error = await failure(text('org/private'));
    expect(error.code).toBe('HUB_ACCESS');
    expect(error.message).toMatch(/401.*HF_TOKEN/);
  });

  it('cannot be had without a network', async () => {
    settings = { ...settings, remoteHost: 'http://127.0.0.1:9/' };
    const error = await failure(text('org/model'));
    expect(error.code).toBe('HUB_ACCESS');
    expect(error.message).toContain('127.0.0.1:9');
  });

  it('is not looked for anywhere when everything is switched off', async () => {
    settings = { ...settings, allowLocalModels: false, allowRemoteModels: false, useFSCache: false };
    expect((await failure(text('org/model'))).message).toContain('nowhere to look');
  });

  it('of an adapter may lie at any address', async () => {
    repository['/files/my-adapter/config.json'] = { body: new TextEncoder().encode('there') };
    expect(await text(`${settings.remoteHost}files/my-adapter/`)).toBe('there');
  });

  it.each(['../secret', '/etc', 'a/b/c', 'C:\\models', './here'])('%s is a path and never asked of the hub', (id) => {
    expect(placesOf(settings, id, 'config.json', {}).remote).toBeUndefined();
  });
});

describe('an ONNX file', () => {
  it('brings the files that hold its weights', async () => {
    const graph = readModel(new Uint8Array(readFileSync(join(ASSETS, 'mini-bert/onnx/model.onnx'))));
    const target = join(folder, 'models', 'org', 'split', 'onnx');
    mkdirSync(target, { recursive: true });
    const parts: Uint8Array[] = [];
    let offset = 0;
    const model = writeModelWithExternalData(graph, (_, { bytes }) => {
      if (bytes.byteLength < 2048) return undefined;
      parts.push(bytes);
      offset += bytes.byteLength;
      return { location: 'model.onnx_data', offset: offset - bytes.byteLength, length: bytes.byteLength };
    });
    writeFileSync(join(target, 'model.onnx'), model);
    const error = await failure(readModelFile(settings, 'org/split', {}));
    expect(error.message).toContain('onnx/model.onnx_data');
    writeFileSync(join(target, 'model.onnx_data'), concatChunks(parts));
    const read = await readModelFile(settings, 'org/split', {});
    expect(read.nodes).toHaveLength(graph.nodes.length);
    expect([...read.tensors.values()].reduce((sum, { bytes }) => sum + bytes.byteLength, 0)).toBe(
      [...graph.tensors.values()].reduce((sum, { bytes }) => sum + bytes.byteLength, 0),
    );
  });
});
