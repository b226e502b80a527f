import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { failure } from '../../onnxruntime/tests/support/failure.js';
import { downloadModel } from '../src/hub/download-model.js';

interface Entry {
  readonly content: string;
  /** What the hub says instead of the truth. */
  readonly told?: object;
  readonly sent?: string;
}

const HEAD = 'c'.repeat(40);
const commitFor = (path: string): string => createHash('sha1').update(`commit of ${path}`).digest('hex');
const hash = (content: string, algorithm = 'sha256'): string => createHash(algorithm).update(content).digest('hex');
const files: Record<string, Entry> = {};
const asked: string[] = [];
let head: string | undefined = HEAD;
let cache = '';
let hub: Server;

/** As much of the hub as a download needs. Files that end in .onnx are large ones. */
function entry(path: string, { content, told }: Entry): object {
  return {
    type: 'file',
    path,
    size: content.length,
    oid: hash(content, 'sha1'),
    lastCommit: { id: commitFor(path) },
    ...(path.endsWith('.onnx') ? { lfs: { oid: hash(content), size: content.length } } : {}),
    ...told,
  };
}

beforeAll(async () => {
  hub = createServer(async (request, response) => {
    const url = request.url ?? '';
    const body = (await request.toArray()).join('');
    asked.push(`${request.headers.authorization ?? ''} ${url}`.trim());
    if (url === '/api/models/org/model/paths-info/main') {
      const { paths } = JSON.parse(body) as { paths: string[] };
      response.end(
        JSON.stringify(paths.flatMap((path) => (files[path] === undefined ? [] : [entry(path, files[path])]))),
      );
    } else if (url === '/api/models/org/model/revision/main' && head !== undefined)
      response.end(JSON.stringify({ sha: head }));
    else {
      const file = files[/^\/org\/model\/resolve\/main\/(.+)$/.exec(url)?.[1] ?? ''];
      if (file === undefined) response.writeHead(404).end();
      else response.end(file.sent ?? file.content);
    }
  }).listen(0, '127.0.0.1');
  await once(hub, 'listening');
  vi.stubEnv('HF_ENDPOINT', `http://127.0.0.1:${(hub.address() as AddressInfo).port}`);
});
afterAll(() => {
  vi.unstubAllEnvs();
  hub.close();
});
beforeEach(() => {
  cache = mkdtempSync(join(tmpdir(), 'hadamard-hub-'));
  vi.stubEnv('HF_HUB_CACHE', cache);
  asked.length = 0;
  head = HEAD;
  for (const path of Object.keys(files)) delete files[path];
  Object.assign(files, {
    'config.json': { content: '{}' },
    'tokenizer.json': { content: '{"tokenizer":1}' },
    'onnx/model.onnx': { content: 'the model' },
  } satisfies Record<string, Entry>);
});
afterEach(() => rmSync(cache, { recursive: true, force: true }));

const repository = (): string => join(cache, 'models--org--model');
const downloads = (): string[] => asked.filter((url) => url.includes('/resolve/'));
const written = (): string[] =>
  readdirSync(cache, { recursive: true, encoding: 'utf8' }).filter(
    (name) => !lstatSync(join(cache, name)).isDirectory(),
  );

describe('a model of the hub', () => {
  it('lies in the layout of Hugging Face tools: blobs by hash, links by commit', async () => {
    const { path, model } = await downloadModel('org/model');
    expect(path).toBe(join(repository(), 'snapshots', HEAD));
    expect(model).toBe(join(path, 'onnx', 'model.onnx'));
    expect(readFileSync(model, 'utf8')).toBe('the model');
    expect(readlinkSync(model)).toBe(join('..', '..', '..', 'blobs', hash('the model')));
    expect(readlinkSync(join(path, 'config.json'))).toBe(join('..', '..', 'blobs', hash('{}', 'sha1')));
    expect(readFileSync(join(path, 'tokenizer.json'), 'utf8')).toBe('{"tokenizer":1}');
    expect(written()).toHaveLength(6);
  });

  it('is one folder on mirrors that do not tell the commit', async () => {
    head = undefined;
    const { path } = await downloadModel('org/model');
    expect(path).toBe(join(repository(), 'snapshots', commitFor('config.json')));
    expect(readdirSync(path).toSorted()).toEqual(['config.json', 'onnx', 'tokenizer.json']);
  });

  it('is downloaded once, and only what changed after a commit', async () => {
    await downloadModel('org/model');
    expect(downloads()).toHaveLength(3);
    await downloadModel('org/model');
    expect(downloads()).toHaveLength(3);
    head = 'd'.repeat(40);
    files['config.json'] = { content: '{"changed":true}' };
    const { path } = await downloadModel('org/model');
    expect(downloads()).toHaveLength(4);
    expect(readFileSync(join(path, 'config.json'), 'utf8')).toBe('{"changed":true}');
    expect(readFileSync(join(path, 'onnx', 'model.onnx'), 'utf8')).toBe('the model');
  });

  it('finds blobs that other tools downloaded', async () => {
    mkdirSync(join(repository(), 'blobs'), { recursive: true });
    writeFileSync(join(repository(), 'blobs', hash('the model')), 'the model');
    await downloadModel('org/model');
    expect(downloads().some((url) => url.endsWith('.onnx'))).toBe(false);
  });

  it('may be a checkpoint, and brings the weights beside an ONNX file', async () => {
    files['model.safetensors'] = { content: 'weights' };
    files['onnx/model.onnx_data'] = { content: 'data' };
    const both = await downloadModel('org/model');
    expect(existsSync(join(both.path, 'onnx', 'model.onnx_data'))).toBe(true);
    expect(existsSync(join(both.path, 'model.safetensors'))).toBe(false);
    delete files['onnx/model.onnx'];
    head = 'd'.repeat(40);
    const { path, model } = await downloadModel('org/model');
    expect(model).toBe(join(path, 'model.safetensors'));
    expect(existsSync(join(path, 'onnx'))).toBe(false);
  });

  it('is asked for with a token where there is one', async () => {
    vi.stubEnv('HF_TOKEN', 'hf_secret');
    await downloadModel('org/model');
    vi.stubEnv('HF_TOKEN', undefined);
    expect(asked.every((each) => each.startsWith('Bearer hf_secret '))).toBe(true);
  });

  it('comes from the cache when the hub cannot be reached', async () => {
    const there = await downloadModel('org/model');
    const endpoint = process.env['HF_ENDPOINT'];
    vi.stubEnv('HF_ENDPOINT', 'http://127.0.0.1:1');
    const again = await downloadModel('org/model');
    const error = await failure(downloadModel('org/other'));
    vi.stubEnv('HF_ENDPOINT', endpoint);
    expect(again).toEqual(there);
    expect(error.code).toBe('HUB_DOWNLOAD');
    expect(error.message).toMatch(/config\.json: fetch failed \(.+\)/);
  });
});

describe('a download that is refused', () => {
  it.each<[string, string, () => void]>([
    ['config.json: no such file', 'without a config', () => delete files['config.json']],
    ['onnx/model.onnx: no such file', 'without a model', () => delete files['onnx/model.onnx']],
    [
      'onnx/model.onnx: other bytes',
      'with another hash',
      () => (files['onnx/model.onnx'] = { content: 'the model', sent: 'their own' }),
    ],
    ['config.json: 1 of 2 bytes', 'cut off', () => (files['config.json'] = { content: '{}', sent: '{' })],
    [
      'config.json: no hash, or no commit, for config.json',
      'whose hash leads elsewhere',
      () => (files['config.json'] = { content: '{}', told: { oid: '../../../escaped' } }),
    ],
    [
      'config.json: no hash, or no commit, for config.json',
      'whose commit leads elsewhere',
      () => (files['config.json'] = { content: '{}', told: { lastCommit: { id: '../../escaped' } } }),
    ],
  ])('says %j: one %s', async (words, _, change) => {
    change();
    const error = await failure(downloadModel('org/model'));
    expect(error).toMatchObject({ name: 'DataError', code: 'HUB_DOWNLOAD' });
    expect(error.message).toContain(words);
    // What was right may stay; nothing has another name than its own.
    for (const name of written()) expect(name).toMatch(/^models--org--model\/(blobs|snapshots)\/[\w./]+$/);
    expect(written().filter((name) => name.includes('.tmp'))).toEqual([]);
  });

  it('a commit that leads elsewhere is not believed', async () => {
    head = '../../escaped';
    expect((await downloadModel('org/model')).path).toBe(join(repository(), 'snapshots', commitFor('config.json')));
  });

  it.each(['../..', 'org/..'])('%s is no model', async (id) => {
    expect((await failure(downloadModel(id))).code).toBe('HUB_DOWNLOAD');
    expect(asked).toEqual([]);
  });

  it('a file that the hub names without being asked is not written', async () => {
    files['tokenizer.json'] = { content: 'x', told: { path: '../../../escaped' } };
    const { path } = await downloadModel('org/model');
    expect(existsSync(join(path, 'tokenizer.json'))).toBe(false);
    expect(downloads().some((url) => url.includes('escaped'))).toBe(false);
  });
});
