import { createServer, type Server } from 'node:http';
import { once } from 'node:events';
import { cpSync, existsSync, readFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { EMBEDDED_MODEL } from '../src/assets.js';
import { cli, lastLine, scratchFolder } from './support/cli.js';

const COMMIT = '0'.repeat(40);
const cache = scratchFolder();
let hub: Server;
const asked: string[] = [];

/** The models of this hub; the second has a checkpoint and no ONNX file. */
const MODELS: Readonly<Record<string, string>> = {
  'someone/mini': EMBEDDED_MODEL,
  'someone/checkpoint': scratchFolder(),
};
for (const file of ['config.json', 'model.safetensors'])
  cpSync(
    join(import.meta.dirname, '..', '..', 'conformance-fixtures', 'fixtures', 'electra', file),
    join(MODELS['someone/checkpoint'] as string, file),
  );

/** As much of the hub as a download needs: what a path is, and its bytes by range. */
function makeHub(): Server {
  const contentOf = (id: string, path: string): Buffer | undefined => {
    const file = join(MODELS[id] ?? '?', path);
    return existsSync(file) ? readFileSync(file) : undefined;
  };
  return createServer(async (request, response) => {
    const url = decodeURIComponent(request.url ?? '');
    asked.push(url);
    const body = (await request.toArray()).join('');
    const [, id] = /^\/api\/models\/(someone\/\w+)\/paths-info\/main$/.exec(url) ?? [];
    if (id !== undefined) {
      const { paths } = JSON.parse(body) as { paths: string[] };
      const found = paths.flatMap((path) => {
        const content = contentOf(id, path);
        return content === undefined
          ? []
          : [
              {
                type: 'file',
                path,
                size: content.length,
                oid: path.replaceAll(/\W/g, '').padEnd(40, '0'),
                lastCommit: { id: COMMIT, title: 'add', date: '2026-01-01T00:00:00Z' },
              },
            ];
      });
      response.setHeader('content-type', 'application/json').end(JSON.stringify(found));
      return;
    }
    const [, repository = '?', path = '?'] = /^\/(someone\/\w+)\/resolve\/main\/(.+)$/.exec(url) ?? [];
    const content = contentOf(repository, path);
    if (content === undefined) {
      response.writeHead(404).end();
      return;
    }
    const [, from = '0', to = String(content.length - 1)] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? [];
    const part = content.subarray(Number(from), Number(to) + 1);
    const partial = request.headers.range !== undefined;
    response.writeHead(partial ? 206 : 200, {
      etag: '"1"',
      'content-length': part.length,
      ...(partial ? { 'content-range': `bytes ${from}-${Number(from) + part.length - 1}/${content.length}` } : {}),
    });
    response.end(part);
  });
}

beforeAll(async () => {
  hub = makeHub().listen(0, '127.0.0.1');
  await once(hub, 'listening');
  vi.stubEnv('HF_ENDPOINT', `http://127.0.0.1:${(hub.address() as AddressInfo).port}`);
  vi.stubEnv('HF_HUB_CACHE', cache);
});

afterAll(() => {
  vi.unstubAllEnvs();
  hub.close();
});

describe('a hub id for a model', () => {
  it('is downloaded into the cache that Hugging Face tools share', async () => {
    const result = await cli('inspect', 'someone/mini', '--json');
    expect(result.code, result.stderr).toBe(0);
    expect(lastLine(result)).toMatchObject({ family: 'bert', layers: 4, total: 5_289_984 });
    const snapshot = join(cache, 'models--someone--mini', 'snapshots', COMMIT);
    for (const file of ['config.json', 'tokenizer.json', 'tokenizer_config.json', 'onnx/model.onnx']) {
      expect(readFileSync(join(snapshot, file)).equals(readFileSync(join(EMBEDDED_MODEL, file))), file).toBe(true);
    }
  });

  it('is not downloaded twice', async () => {
    asked.length = 0;
    expect((await cli('inspect', 'someone/mini', '--json')).code).toBe(0);
    expect(asked.filter((url) => url.includes('/resolve/'))).toEqual([]);
  });

  it('without an ONNX file is downloaded as the checkpoint it is', async () => {
    const result = await cli('inspect', 'someone/checkpoint', '--json');
    expect(result.code, result.stderr).toBe(0);
    expect(lastLine(result)).toMatchObject({ family: 'electra', layers: 3 });
    expect(existsSync(join(cache, 'models--someone--checkpoint', 'snapshots', COMMIT, 'model.safetensors'))).toBe(true);
  });

  it('that does not exist is one clear line', async () => {
    const { code, stderr } = await cli('inspect', 'nobody/nothing');
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^error \[HUB_DOWNLOAD\] The model nobody\/nothing could not be fetched from the hub: [^\n]+\n$/,
    );
  });

  it('works from the cache when the hub cannot be reached', async () => {
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:1');
    expect(lastLine(await cli('inspect', 'someone/mini', '--json'))).toMatchObject({ layers: 4 });
  });
});
