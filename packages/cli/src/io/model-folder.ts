import { stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DataError, FormatError, parseJson, validate } from '@hadamard-adapter/core';
import type { ExternalData } from '@hadamard-adapter/onnx';
import * as v from 'valibot';
import { readBytes, readBytesIfAny } from './files.js';
import { downloadModel } from './hub.js';

/** A base model on disk, in the layout that Hugging Face and transformers.js share. */
export interface ModelFolder {
  /** What to call it: the hub id, or the name of the folder. */
  readonly name: string;
  readonly path: string;
  /** `config.json`; empty for a bare ONNX file. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly family: string | undefined;
  readonly model: Uint8Array;
  readonly externalData: ExternalData;
  readonly tokenizer: Uint8Array | undefined;
  readonly tokenizerConfig: Uint8Array | undefined;
}

const MODEL_FILES = ['onnx/model.onnx', 'model.onnx'];

/**
 * Open a model folder, a bare `.onnx` file, or a hub id such as `Xenova/bert-base-uncased`.
 *
 * @throws DataError MODEL_MISSING saying which files were looked for and where; FormatError for a config that is not JSON.
 */
export async function openModel(place: string): Promise<ModelFolder> {
  const info = await stat(place).catch(() => undefined);
  if (info?.isFile() === true) return openFolder(dirname(resolve(place)), basename(place), place);
  if (info?.isDirectory() === true) {
    const folder = resolve(place);
    for (const file of MODEL_FILES) {
      const path = join(folder, file);
      if ((await stat(path).catch(() => undefined))?.isFile() === true) return openFolder(folder, basename(folder), path);
    }
    throw new DataError('The model folder has no ONNX file', { code: 'MODEL_MISSING', found: `neither ${MODEL_FILES.join(' nor ')} in ${place}`, hint: 'Export the model to ONNX first (feature-extraction).' });
  }
  if (!/^[\w.-]+\/[\w.-]+$/.test(place)) {
    throw new DataError('The model does not exist', { code: 'MODEL_MISSING', found: `nothing at ${place}`, expected: `a folder with config.json, tokenizer.json and ${MODEL_FILES.join(' or ')}, or a hub id like owner/name` });
  }
  const folder = await downloadModel(place);
  return openFolder(folder.path, place, folder.model);
}

async function openFolder(folder: string, name: string, modelPath: string): Promise<ModelFolder> {
  const [model, config, tokenizer, tokenizerConfig] = await Promise.all([
    readBytes(modelPath, 'The model file'),
    readBytesIfAny(join(folder, 'config.json')),
    readBytesIfAny(join(folder, 'tokenizer.json')),
    readBytesIfAny(join(folder, 'tokenizer_config.json')),
  ]);
  const parsed = config === undefined ? {} : readConfig(config);
  return {
    name,
    path: folder,
    config: parsed,
    family: typeof parsed['model_type'] === 'string' ? parsed['model_type'] : undefined,
    model,
    externalData: await externalData(modelPath),
    tokenizer,
    tokenizerConfig,
  };
}

const size = v.exactOptional(v.nullable(v.pipe(v.number(), v.integer('a whole number'), v.minValue(1, 'at least 1'))));

/** What is read from a Hugging Face config: the family, and the sizes that limit texts. The graph itself says the rest. */
const configSchema = v.looseObject({
  model_type: v.exactOptional(v.string()),
  hidden_size: size,
  num_hidden_layers: size,
  vocab_size: size,
  max_position_embeddings: size,
});

const MAX_CONFIG_BYTES = 64 * 2 ** 20;

/** @throws FormatError MODEL_CONFIG for what is not a JSON object, or naming the field that is wrong. */
function readConfig(bytes: Uint8Array): Readonly<Record<string, unknown>> {
  const what = 'config.json';
  const json = parseJson(bytes, { what, code: 'MODEL_CONFIG', maxBytes: MAX_CONFIG_BYTES });
  // To the schema a list is an object as well.
  if (Array.isArray(json)) throw new FormatError(`${what} is not a JSON object`, { code: 'MODEL_CONFIG', found: 'a list' });
  return validate(configSchema, json, { what, code: 'MODEL_CONFIG', error: FormatError });
}

/** Exporters put weights beside the model as `model.onnx_data` or `model.onnx.data`; they are read when the graph asks for them. */
async function externalData(modelPath: string): Promise<ExternalData> {
  const files = new Map<string, Uint8Array>();
  for (const suffix of ['_data', '.data']) {
    const bytes = await readBytesIfAny(`${modelPath}${suffix}`);
    if (bytes !== undefined) files.set(`${basename(modelPath)}${suffix}`, bytes);
  }
  return (location) => files.get(location);
}
