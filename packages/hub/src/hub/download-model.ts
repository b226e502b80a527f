import { copyFile, readdir, rename, rm, stat, symlink } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { DataError } from '@hadamard-adapter/core';
import { downloadFile } from '../download/download-file.js';
import { DownloadError, reasonOf } from '../download/errors.js';
import { makeFolder, temporaryFor } from '../files/write-files.js';
import { authorization, commitOf, fileAddress, filesOnHub, staysInside, type Hub, type HubFile } from './client.js';

/** A model of the hub in the local cache. */
export interface CachedModel {
  /** The folder with `config.json`. */
  readonly path: string;
  /** The ONNX file, or else the checkpoint. */
  readonly model: string;
}

const REVISION = 'main';
const CONFIG = 'config.json';
const ONNX = 'onnx/model.onnx';
/** Weights beside it. */
const ONNX_DATA = 'onnx/model.onnx_data';
/** A model is one of these, the first that is there. */
const MODEL_FILES = [ONNX, 'model.safetensors'];
const TOKENIZER_FILES = ['tokenizer.json', 'tokenizer_config.json'];

/** Where Hugging Face's own tools keep downloads. */
const cacheDir = (): string =>
  process.env['HF_HUB_CACHE'] ?? join(process.env['HF_HOME'] ?? join(homedir(), '.cache', 'huggingface'), 'hub');

const cacheOf = (id: string): string => join(cacheDir(), `models--${id.replace('/', '--')}`);

/**
 * Download what is needed of a hub model (config, tokenizer, `onnx/model.onnx` or else `model.safetensors`) into the
 * cache that Hugging Face tools share; what is there already is not fetched again. Size and SHA-256 are checked where
 * the hub names them. `HF_ENDPOINT`, `HF_TOKEN`, `HF_HOME` and `HF_HUB_CACHE` are honoured.
 *
 * @param id such as `Xenova/bert-base-uncased`.
 * @throws DataError HUB_DOWNLOAD with the file that was asked for.
 */
export async function downloadModel(id: string): Promise<CachedModel> {
  try {
    return await download(id);
  } catch (error) {
    // Without a network, or when the hub is down, what was downloaded before is as good.
    const before = await newestSnapshot(id);
    if (before === undefined) throw error;
    return before;
  }
}

/** The newest complete download of a model in the cache. */
async function newestSnapshot(id: string): Promise<CachedModel | undefined> {
  const folder = join(cacheOf(id), 'snapshots');
  const revisions = await readdir(folder).catch(() => []);
  let newest: { time: number; found: CachedModel } | undefined;
  for (const revision of revisions) {
    const path = join(folder, revision);
    for (const file of MODEL_FILES) {
      const model = join(path, file);
      // A link to a blob: one that was not finished does not exist.
      const files = await Promise.all([stat(join(path, CONFIG)), stat(model)]).catch(() => undefined);
      if (files === undefined) continue;
      if (newest === undefined || files[1].mtimeMs > newest.time)
        newest = { time: files[1].mtimeMs, found: { path, model } };
      break;
    }
  }
  return newest?.found;
}

async function download(id: string): Promise<CachedModel> {
  if (!staysInside(id)) throw failed(id, CONFIG, 'a name that is no hub id');
  const hub: Hub = {
    endpoint: process.env['HF_ENDPOINT'] ?? 'https://huggingface.co',
    token: process.env['HF_TOKEN'],
  };
  const wanted = [CONFIG, ...MODEL_FILES, ONNX_DATA, ...TOKENIZER_FILES];
  const there = await filesOnHub(hub, id, REVISION, wanted).catch((cause: unknown) => {
    throw failed(id, CONFIG, cause);
  });
  // Neither: the message names the file that every exporter writes.
  const model = MODEL_FILES.find((path) => there.has(path)) ?? ONNX;
  for (const path of [CONFIG, model]) if (!there.has(path)) throw failed(id, path, `no such file on ${hub.endpoint}`);
  // One folder for all files, also where they come from several commits.
  const commit = (await commitOf(hub, id, REVISION)) ?? there.get(CONFIG)?.commit ?? REVISION;
  const snapshot = join(cacheOf(id), 'snapshots', commit);
  for (const path of [CONFIG, model, ...TOKENIZER_FILES, ...(model === ONNX ? [ONNX_DATA] : [])]) {
    const file = there.get(path);
    if (file !== undefined) await fetchInto(snapshot, file, hub, id);
  }
  return { path: snapshot, model: join(snapshot, model) };
}

/**
 * Put a file into a snapshot, in the layout of Hugging Face's tools: the bytes are a blob named after their hash, and
 * the snapshot has a link to it.
 */
async function fetchInto(snapshot: string, file: HubFile, hub: Hub, id: string): Promise<void> {
  const link = join(snapshot, file.path);
  const blob = join(cacheOf(id), 'blobs', file.etag);
  if (await isThere(link, file)) return;
  try {
    if (!(await isThere(blob, file)))
      await downloadFile(blob, fileAddress(hub.endpoint, id, REVISION, file.path), {
        ...authorization(hub.token),
        expected: file,
      });
    await linkTo(blob, link);
  } catch (cause) {
    throw failed(id, file.path, cause);
  }
}

async function isThere(path: string, { size }: HubFile): Promise<boolean> {
  const info = await stat(path).catch(() => undefined);
  return info?.isFile() === true && (size === undefined || info.size === size);
}

/** A relative link, so that the cache can be moved; a copy where links are not allowed, as on Windows. */
async function linkTo(blob: string, link: string): Promise<void> {
  await makeFolder(dirname(link));
  const temporary = temporaryFor(link);
  try {
    await symlink(relative(dirname(link), blob), temporary).catch(() => copyFile(blob, temporary));
    await rename(temporary, link);
  } catch (cause) {
    await rm(temporary, { force: true });
    throw cause;
  }
}

function failed(id: string, file: string, cause: unknown): DataError {
  const found = cause instanceof DownloadError ? cause.found : reasonOf(cause);
  return new DataError(`The model ${id} could not be fetched from the hub`, {
    code: 'HUB_DOWNLOAD',
    found: `${file}: ${found}`,
    hint:
      'There is no such folder here either. Check the spelling and the network, or give the path of a model ' +
      'folder.',
    ...(cause instanceof Error ? { cause } : {}),
  });
}
