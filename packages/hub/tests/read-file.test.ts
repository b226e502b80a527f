import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { locationsOf } from '../src/hub/locations.js';
import { readHubFile } from '../src/hub/read-file.js';
import type { LibraryEnv } from '../src/hub/library-env.js';
import { failure } from '../../onnxruntime/tests/support/failure.js';

let server: Server;
let asked: string[];
let folder: string;
let settings: LibraryEnv;
/** What the hub answers, by path. */
const repository: Record<string, { status?: number; body?: Uint8Array; length?: number }> = {
  '/org/model/resolve/main/config.json': { body: new TextEncoder().encode('{}') },
  '/org/model/resolve/v2/config.json': { body: new TextEncoder().encode('{"two":2}') },
  '/org/private/resolve/main/config.json': { status: 401 },
};

beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    const { status = 200, body, length } = repository[request.url ?? ''] ?? { status: 404 };
    if (length === undefined) response.writeHead(status).end(body);
    else {
      response.writeHead(status, { 'content-length': length }).write(body);
      setTimeout(() => response.destroy(), 20);
    }
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
    remotePathTemplate: '{model}/resolve/{revision}/',
    useFS: true,
    useFSCache: true,
    useCustomCache: false,
    customCache: null,
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

  it('whose name leads out of its folder is neither asked for nor kept', () => {
    for (const file of ['../config.json', 'onnx/../../x', '/etc/passwd', 'C:\\x', '..\\x'])
      expect(locationsOf(settings, 'org/model', file, {})).toMatchObject({ cached: undefined, remote: undefined });
    expect(locationsOf(settings, 'org/model', 'config.json', { revision: '../../x' }).cached).toBeUndefined();
    expect(locationsOf(settings, 'org/model', 'onnx/model..onnx', {}).remote).toMatch(/model\.\.onnx$/);
  });

  it('that is cut off is not kept', async () => {
    repository['/org/model/resolve/main/cut.json'] = { body: new TextEncoder().encode('half'), length: 8 };
    const error = await failure(readHubFile(settings, 'org/model', 'cut.json'));
    expect(error.code).toBe('HUB_ACCESS');
    expect(existsSync(join(folder, 'cache', 'org', 'model', 'cut.json'))).toBe(false);
  });

  it.each(['../secret', '/etc', 'a/b/c', 'C:\\models', './here'])('%s is a path and never asked of the hub', (id) => {
    expect(locationsOf(settings, id, 'config.json', {}).remote).toBeUndefined();
  });
});
