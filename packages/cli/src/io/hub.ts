import { readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { DataError } from '@hadamard-adapter/core';
import { downloadFileToCacheDir } from '@huggingface/hub';

/** A model of the hub in the local cache. */
export interface CachedModel {
  readonly path: string;
  readonly model: string;
}

/** A model is one of these, the first that is there. */
const MODEL_FILES = ['onnx/model.onnx', 'model.safetensors'];

/** Where Hugging Face's own tools keep downloads. */
const cacheDir = (): string =>
  process.env['HF_HUB_CACHE'] ?? join(process.env['HF_HOME'] ?? join(homedir(), '.cache', 'huggingface'), 'hub');

/**
 * Download what is needed of a hub model (config, tokenizer, `onnx/model.onnx` or else `model.safetensors`) into the
 * cache that Hugging Face tools share; what is there already is not fetched again.
 *
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
  const folder = join(cacheDir(), `models--${id.replace('/', '--')}`, 'snapshots');
  const revisions = await readdir(folder).catch(() => []);
  let newest: { time: number; found: CachedModel } | undefined;
  for (const revision of revisions) {
    const path = join(folder, revision);
    for (const file of MODEL_FILES) {
      const model = join(path, file);
      // A link to a blob: one that was not finished does not exist.
      const files = await Promise.all([stat(join(path, 'config.json')), stat(model)]).catch(() => undefined);
      if (files === undefined) continue;
      if (newest === undefined || files[1].mtimeMs > newest.time)
        newest = { time: files[1].mtimeMs, found: { path, model } };
      break;
    }
  }
  return newest?.found;
}

async function download(id: string): Promise<CachedModel> {
  const config = await fetchFile(id, 'config.json', true);
  const onnx = await fetchFile(id, 'onnx/model.onnx', false);
  const model = onnx ?? (await fetchFile(id, 'model.safetensors', false));
  // Neither: the message names the file that every exporter writes.
  if (model === undefined) await fetchFile(id, 'onnx/model.onnx', true);
  for (const file of [
    'tokenizer.json',
    'tokenizer_config.json',
    ...(onnx === undefined ? [] : ['onnx/model.onnx_data']),
  ])
    await fetchFile(id, file, false);
  return { path: dirname(config as string), model: model as string };
}

async function fetchFile(id: string, path: string, required: boolean): Promise<string | undefined> {
  const endpoint = process.env['HF_ENDPOINT'];
  const token = process.env['HF_TOKEN'];
  try {
    const found = await downloadFileToCacheDir({
      repo: id,
      path,
      cacheDir: cacheDir(),
      ...(endpoint === undefined ? {} : { hubUrl: endpoint }),
      ...(token === undefined ? {} : { accessToken: token }),
    });
    return (await stat(found).catch(() => undefined)) === undefined ? undefined : found;
  } catch (cause) {
    if (!required) return undefined;
    throw new DataError(`The model ${id} could not be fetched from the hub`, {
      code: 'HUB_DOWNLOAD',
      found: `${path}: ${reason(cause)}`,
      hint:
        'There is no such folder here either. Check the spelling and the network, or give the path of a model ' +
        'folder.',
      cause,
    });
  }
}

/** `fetch failed` alone tells nothing: the cause does. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}
