import { DataError } from '@hadamard-adapter/core';
import { download } from '../download/download.js';
import { DownloadError } from '../download/errors.js';
import { nodeFiles } from '../files/node-modules.js';
import { writeFileAtomically } from '../files/write-files.js';
import { authorization } from './client.js';
import type { FileCache, HubOptions, LibraryEnv } from './library-env.js';
import { locationsOf, type FileLocations } from './locations.js';

/**
 * A file of a model or an adapter, found where transformers.js would find it and kept where it would keep it: the
 * person's cache, local models, earlier downloads, the hub.
 *
 * @returns undefined when there is none and it is `optional`.
 * @throws DataError HUB_FILE with every location that was looked at; HUB_ACCESS when the hub refuses.
 */
export async function readHubFile(
  env: LibraryEnv,
  id: string,
  file: string,
  options: HubOptions & { readonly optional?: boolean } = {},
): Promise<Uint8Array | undefined> {
  const locations = locationsOf(env, id, file, options);
  const cache = await cacheOf(env);
  for (const key of present([...locations.local, locations.remote])) {
    const kept = await cache?.match(key).catch(() => undefined);
    if (kept !== undefined) return bytesOf(kept);
  }
  for (const location of present([...locations.local, locations.cached])) {
    const found = await readLocal(env, location);
    if (found !== undefined) return found;
  }
  const downloaded = locations.remote === undefined ? undefined : await fetchRemote(env, locations.remote, id, file);
  if (downloaded === undefined && options.optional !== true) throw notFound(env, id, file, locations);
  if (downloaded !== undefined) await keep(locations, cache, downloaded);
  return downloaded;
}

const present = (locations: readonly (string | undefined)[]): string[] =>
  locations.filter((location) => location !== undefined);

async function cacheOf(env: LibraryEnv): Promise<FileCache | undefined> {
  if (env.useCustomCache && env.customCache !== null) return env.customCache;
  return env.useBrowserCache && 'caches' in globalThis
    ? (globalThis.caches.open(env.cacheKey ?? 'transformers-cache') as Promise<FileCache>)
    : undefined;
}

const bytesOf = async (response: Response): Promise<Uint8Array> => new Uint8Array(await response.arrayBuffer());

async function readLocal(env: LibraryEnv, location: string): Promise<Uint8Array | undefined> {
  if (!env.useFS) {
    const response = await fetch(location).catch(() => undefined);
    // Sites of one page answer every address with that page.
    return response?.ok === true && response.headers.get('content-type')?.startsWith('text/html') !== true
      ? bytesOf(response)
      : undefined;
  }
  return nodeFiles()
    .readFile(location)
    .then(
      (bytes) => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength),
      () => undefined,
    );
}

async function fetchRemote(
  env: LibraryEnv,
  address: string,
  id: string,
  file: string,
): Promise<Uint8Array | undefined> {
  const token = env.useFS ? (process.env['HF_TOKEN'] ?? process.env['HF_ACCESS_TOKEN']) : undefined;
  const isHuggingFace = /^https:\/\/(huggingface\.co|hf\.co)\//.test(address);
  try {
    return await download(address, {
      ...(env.fetch === undefined ? {} : { fetch: env.fetch }),
      ...authorization(isHuggingFace ? token : undefined),
    });
  } catch (cause) {
    if (!(cause instanceof DownloadError)) throw cause;
    if (cause.status === 404) return undefined;
    if (cause.status !== undefined)
      throw new DataError(`The hub refuses the file ${file} of ${id}`, {
        code: 'HUB_ACCESS',
        ...(cause.found === undefined ? {} : { found: cause.found }),
        expected: 'a public repository, or a token that may read it',
        hint: 'In Node set HF_TOKEN.',
        cause,
      });
    throw new DataError(`The file ${file} of ${id} could not be downloaded`, {
      code: 'HUB_ACCESS',
      ...(cause.found === undefined ? {} : { found: cause.found }),
      expected: 'the file',
      hint: 'Is there a network? With local_files_only: true only this machine is asked.',
      cause,
    });
  }
}

async function keep({ cached, remote }: FileLocations, cache: FileCache | undefined, bytes: Uint8Array): Promise<void> {
  if (cache !== undefined && remote !== undefined) {
    // A full cache is no reason to fail.
    await cache
      .put(
        remote,
        new Response(bytes as Uint8Array<ArrayBuffer>, { headers: { 'content-length': String(bytes.byteLength) } }),
      )
      .catch(() => undefined);
  } else if (cached !== undefined) {
    await writeFileAtomically(cached, bytes);
  }
}

function notFound(env: LibraryEnv, id: string, file: string, { local, cached, remote }: FileLocations): DataError {
  const tried = present([...local, cached, remote]);
  return new DataError(`There is no file ${file} of ${id}`, {
    code: 'HUB_FILE',
    found:
      tried.length === 0
        ? 'nowhere to look: local models and the hub are both switched off'
        : `none at ${tried.join(', ')}`,
    expected: file.endsWith('.onnx')
      ? 'a folder in the layout of the hub: config.json, tokenizer.json, onnx/model.onnx'
      : 'a folder that holds it',
    hint: [
      ...(file.endsWith('.onnx')
        ? [
            'Names of ONNX files follow dtype (fp32: model.onnx, fp16: model_fp16.onnx, q8: ' +
              'model_quantized.onnx), subfolder and model_file_name.',
          ]
        : []),
      ...(env.allowRemoteModels ? [] : ['The hub was not asked, because env.allowRemoteModels is false.']),
    ].join(' '),
  });
}
