import { readFileSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DataError, FormatError, parseJson, validate } from '@hadamard-adapter/core';
import { readEncoder } from '@hadamard-adapter/compiler/internal';
import { present } from '@hadamard-adapter/core/internal';
import type { ExternalData, Graph } from '@hadamard-adapter/graph/internal';
import { downloadModel } from '@hadamard-adapter/hub/node';
import * as v from 'valibot';
import { MAX_BYTES, readBytes, readBytesIfAny } from './files.js';

/** A base model on disk, in the layout that Hugging Face and transformers.js share. */
export interface ModelFolder {
  /** What to call it: the hub id, or the name of the folder. */
  readonly name: string;
  readonly path: string;
  /** `config.json`; empty for a bare ONNX file. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly family: string | undefined;
  readonly graph: Graph;
  readonly tokenizer: Uint8Array | undefined;
  readonly tokenizerConfig: Uint8Array | undefined;
}

/** Where a model is looked for in a folder. A checkpoint has weights only; its graph is built from the config. */
const MODEL_FILES = ['onnx/model.onnx', 'model.onnx', 'model.safetensors', 'model.safetensors.index.json'];

/**
 * Open a model folder, a bare `.onnx` or `.safetensors` file, or a hub id such as `Xenova/bert-base-uncased`.
 *
 * @throws DataError MODEL_MISSING saying which files were looked for and where; FormatError for a config that is not
 *   JSON; what `readEncoder` throws.
 */
export async function openModel(place: string): Promise<ModelFolder> {
  const info = await stat(place).catch(() => undefined);
  if (info?.isFile() === true) return openFolder(await folderOf(resolve(place)), basename(place), place);
  if (info?.isDirectory() === true) {
    const folder = resolve(place);
    for (const file of MODEL_FILES) {
      const path = join(folder, file);
      if ((await stat(path).catch(() => undefined))?.isFile() === true)
        return openFolder(folder, basename(folder), path);
    }
    throw new DataError('The model folder has no model file', {
      code: 'MODEL_MISSING',
      found: `none of ${MODEL_FILES.join(', ')} in ${place}`,
      hint: 'Export the model to ONNX (feature-extraction), or save it as safetensors.',
    });
  }
  if (!/^[\w.-]+\/[\w.-]+$/.test(place)) {
    throw new DataError('The model does not exist', {
      code: 'MODEL_MISSING',
      found: `nothing at ${place}`,
      expected:
        `a folder with config.json, tokenizer.json and one of ${MODEL_FILES.join(', ')}, or a hub id like ` +
        'owner/name',
    });
  }
  const folder = await downloadModel(place);
  return openFolder(folder.path, place, folder.model);
}

/** The folder with the config of a model file: its own, or the one above, as for `onnx/model_quantized.onnx`. */
async function folderOf(file: string): Promise<string> {
  const folder = dirname(file);
  const hasConfig = async (path: string): Promise<boolean> =>
    (await stat(join(path, 'config.json')).catch(() => undefined))?.isFile() === true;
  return !(await hasConfig(folder)) && (await hasConfig(dirname(folder))) ? dirname(folder) : folder;
}

async function openFolder(folder: string, name: string, modelPath: string): Promise<ModelFolder> {
  const [config, tokenizer, tokenizerConfig] = await Promise.all([
    readBytesIfAny(join(folder, 'config.json')),
    readBytesIfAny(join(folder, 'tokenizer.json')),
    readBytesIfAny(join(folder, 'tokenizer_config.json')),
  ]);
  const parsed = config === undefined ? {} : readConfig(config);
  const [model, ...shards] = modelPath.endsWith('.index.json')
    ? await readShards(modelPath)
    : [await readBytes(modelPath, 'The model file')];
  return {
    name,
    path: folder,
    config: parsed,
    family: typeof parsed['model_type'] === 'string' ? parsed['model_type'] : undefined,
    graph: readEncoder(present(model), { config: parsed, shards, externalData: externalData(dirname(modelPath)) }),
    tokenizer,
    tokenizerConfig,
  };
}

const size = v.exactOptional(v.nullable(v.pipe(v.number(), v.integer('a whole number'), v.minValue(1, 'at least 1'))));

/**
 * What is read from a Hugging Face config: the family, and the sizes that limit texts. An ONNX graph itself says the
 * rest.
 */
const configSchema = v.looseObject({
  model_type: v.exactOptional(v.string()),
  hidden_size: size,
  num_hidden_layers: size,
  vocab_size: size,
  max_position_embeddings: size,
});

const MAX_JSON_BYTES = 64 * 2 ** 20;

/** @throws FormatError MODEL_CONFIG for what is not a JSON object, or naming the field that is wrong. */
export function readConfig(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const what = 'config.json';
  const json = parseJson(bytes, { what, code: 'MODEL_CONFIG', maxBytes: MAX_JSON_BYTES });
  // To the schema a list is an object as well.
  if (Array.isArray(json))
    throw new FormatError(`${what} is not a JSON object`, { code: 'MODEL_CONFIG', found: 'a list' });
  return validate(configSchema, json, { what, code: 'MODEL_CONFIG', error: FormatError });
}

/**
 * Names of the labels of a model's own classifier, in their order; undefined when config.json has none, or only numbers
 * them.
 */
export function modelLabels({ config }: Pick<ModelFolder, 'config'>): string[] | undefined {
  const names = v.safeParse(v.record(v.string(), v.string()), config['id2label']);
  if (!names.success) return undefined;
  const labels = Object.entries(names.output)
    .toSorted(([a], [b]) => Number(a) - Number(b))
    .map(([, name]) => name);
  return labels.every((label) => /^LABEL_\d+$/.test(label)) ? undefined : labels;
}

const indexSchema = v.looseObject({
  weight_map: v.record(v.string(), v.pipe(v.string(), v.regex(/^[\w.-]+\.safetensors$/, 'a file name'))),
});

/**
 * The files of a checkpoint that is stored in several, by its index.
 *
 * @throws FormatError MODEL_INDEX; DataError FILE_MISSING naming the first that is not there.
 */
async function readShards(index: string): Promise<Uint8Array[]> {
  const what = basename(index);
  const json = parseJson(await readBytes(index, what), { what, code: 'MODEL_INDEX', maxBytes: MAX_JSON_BYTES });
  const { weight_map: map } = validate(indexSchema, json, { what, code: 'MODEL_INDEX', error: FormatError });
  const names = [...new Set(Object.values(map))].toSorted();
  if (names.length === 0)
    throw new FormatError(`${what} names no file`, { code: 'MODEL_INDEX', expected: 'a weight_map' });
  return Promise.all(names.map((name) => readBytes(join(dirname(index), name), `The file ${name} of the checkpoint`)));
}

/**
 * Weights that exporters put beside the model, under whatever name: read when the graph asks for them. It asks for
 * plain names only.
 */
function externalData(folder: string): ExternalData {
  return (location) => {
    const path = join(folder, location);
    const info = statSync(path, { throwIfNoEntry: false });
    if (info?.isFile() !== true) return undefined;
    if (info.size > MAX_BYTES)
      throw new DataError('A file of weights is too large', {
        code: 'FILE_SIZE',
        found: `${info.size} bytes in ${location}`,
        expected: 'at most 2 GiB',
      });
    const bytes = readFileSync(path);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}
