import { checkAdapterConfig, parseAdapterConfig, type AdapterConfig } from './adapter-config.js';
import { FormatError, MismatchError } from '../errors.js';
import type { Files } from '../files/files.js';
import { layout } from '../model/layout.js';
import { modelCard, type CardInfo } from './model-card.js';
import type { Norm, ParameterInfo, Site } from '../model/model.js';
import { fromFloat32, readSafetensors, toFloat32, writeSafetensors, type Tensor } from '../files/safetensors.js';
import { shorten } from '../files/validate.js';

export const ADAPTER_CONFIG_FILE = 'adapter_config.json';
export const ADAPTER_TENSORS_FILE = 'adapter_model.safetensors';
export const ADAPTER_CARD_FILE = 'README.md';

export interface Adapter {
  readonly config: AdapterConfig;
  /** By parameter name. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/**
 * The files of an adapter folder, in PEFT's layout. Equal input gives equal bytes.
 *
 * @throws ConfigError ADAPTER_CONFIG.
 */
export function encodeAdapter({
  config,
  tensors,
  card,
}: Adapter & { readonly card?: CardInfo }): Record<string, Uint8Array> {
  const checked = checkAdapterConfig(config);
  const text = new TextEncoder();
  return {
    [ADAPTER_CONFIG_FILE]: text.encode(`${JSON.stringify(checked, undefined, 2)}\n`),
    [ADAPTER_TENSORS_FILE]: writeSafetensors(tensors, [['format', 'hadamard-adapter'], ...identity(checked)]),
    [ADAPTER_CARD_FILE]: text.encode(modelCard(checked, card)),
  };
}

/**
 * Read an adapter folder; files other than the two needed are ignored. Whether it fits a model is for
 * `checkAdapterMatches` to say.
 *
 * @throws FormatError ADAPTER_FILE_MISSING, those of `parseAdapterConfig` and of `readSafetensors`; MismatchError
 *   ADAPTER_SITE_MISMATCH, ADAPTER_BASE_MISMATCH when the two files belong to different adapters.
 */
export function decodeAdapter(files: Files): Adapter {
  const config = parseAdapterConfig(fileOf(files, ADAPTER_CONFIG_FILE));
  const { tensors, metadata } = readSafetensors(fileOf(files, ADAPTER_TENSORS_FILE), { maxHeaderBytes: 16 * 2 ** 20 });
  for (const [key, expected] of identity(config)) {
    const found = metadata.get(key);
    if (found === undefined || found === expected) continue;
    throw new MismatchError(`${ADAPTER_CONFIG_FILE} and ${ADAPTER_TENSORS_FILE} are of different adapters`, {
      code: key === 'site' ? 'ADAPTER_SITE_MISMATCH' : 'ADAPTER_BASE_MISMATCH',
      found: `tensors for ${key} ${shorten(found)}`,
      expected: shorten(expected),
      hint: 'Take both files from the same folder.',
    });
  }
  return { config, tensors };
}

/**
 * What the tensors cannot say of themselves, written beside them: their names and shapes are the same at either site
 * and on any base of the same size, so nothing else would tell that a config was edited or taken from another folder.
 */
function identity(config: AdapterConfig): [string, string][] {
  return [
    ['site', config.site],
    ['base_weights_sha256', config.base_weights_sha256],
  ];
}

function fileOf(files: Files, name: string): Uint8Array {
  const bytes = Object.hasOwn(files, name) ? files[name] : undefined;
  if (bytes !== undefined) return bytes;
  throw new FormatError('The adapter folder is incomplete', {
    code: 'ADAPTER_FILE_MISSING',
    found: `no ${name}`,
    expected: `${ADAPTER_CONFIG_FILE} and ${ADAPTER_TENSORS_FILE}`,
  });
}

/** What an adapter is about to be loaded onto. */
export interface AdapterTarget {
  /** `weightsDigest` of the base model. */
  readonly baseDigest: string;
  readonly hiddenSize: number;
  /** Layers of the model, with or without adapter. */
  readonly numLayers: number;
  readonly site: Site;
  readonly norm: Norm;
  readonly layers: readonly number[];
  /** Whether cross-attentions carry adapters too. */
  readonly crossAttention?: boolean;
}

/**
 * Refuse an adapter that does not belong to a model. There are no warnings: either everything fits or nothing is
 * loaded.
 *
 * @param parameters those that the adapter has to bring, no more and no fewer.
 * @throws MismatchError ADAPTER_BASE_MISMATCH, ADAPTER_SITE_MISMATCH (number of layers, site, norm, cross-attention,
 *   adapted layers), ADAPTER_TENSOR_MISSING, ADAPTER_TENSOR_UNKNOWN, ADAPTER_SHAPE_MISMATCH.
 */
export function checkAdapterMatches(
  config: AdapterConfig,
  parameters: readonly ParameterInfo[],
  tensors: ReadonlyMap<string, Tensor>,
  target: AdapterTarget,
): void {
  if (config.base_weights_sha256 !== target.baseDigest) {
    throw new MismatchError('The adapter belongs to another base model', {
      code: 'ADAPTER_BASE_MISMATCH',
      found: `base weights ${target.baseDigest}`,
      expected: config.base_weights_sha256,
      hint: `It was trained on ${shorten(config.base_model_name_or_path)}.`,
    });
  }
  const settings = [
    ['hidden size', String(config.hidden_size), String(target.hiddenSize)],
    ['number of layers', String(config.num_layers), String(target.numLayers)],
    ['site', config.site, target.site],
    ['norm', config.norm, target.norm],
    ['cross-attention', String(config.cross_attention ?? false), String(target.crossAttention ?? false)],
    ['layers', `[${config.layers.join(', ')}]`, `[${target.layers.join(', ')}]`],
  ] as const;
  for (const [name, expected, found] of settings) {
    if (found !== expected)
      throw new MismatchError(`The model has another ${name} than the adapter's`, {
        code: name === 'hidden size' ? 'ADAPTER_SHAPE_MISMATCH' : 'ADAPTER_SITE_MISMATCH',
        found: shorten(found),
        expected: shorten(expected),
      });
  }
  const byName = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  for (const name of byName.keys()) tensorOf(tensors, name);
  for (const [name, { shape }] of tensors) {
    const parameter = byName.get(name);
    if (parameter === undefined) {
      throw new MismatchError('The adapter has a tensor that the model has no place for', {
        code: 'ADAPTER_TENSOR_UNKNOWN',
        found: shorten(name),
      });
    }
    checkShape(parameter, shape);
  }
}

/** Tensors to save, from the flat vector of `parameters`. */
export function adapterTensors(parameters: readonly ParameterInfo[], values: Float32Array): Map<string, Tensor> {
  const places = layout(parameters);
  return new Map(parameters.map(({ name, shape }) => [name, fromFloat32(places.slice(values, name), shape)]));
}

/**
 * The flat vector of `parameters` from loaded tensors.
 *
 * @throws MismatchError ADAPTER_TENSOR_MISSING, ADAPTER_SHAPE_MISMATCH; FormatError ADAPTER_VALUES for numbers that are
 *   not finite; UnsupportedError SAFETENSORS_DTYPE.
 */
export function adapterValues(
  parameters: readonly ParameterInfo[],
  tensors: ReadonlyMap<string, Tensor>,
): Float32Array {
  const places = layout(parameters);
  // Everything is checked before the size of the model, not of the file, decides what is allocated.
  for (const parameter of parameters) checkShape(parameter, tensorOf(tensors, parameter.name).shape);
  const values = new Float32Array(places.size);
  for (const { name } of parameters) {
    const part = toFloat32(tensorOf(tensors, name));
    const broken = part.find((value) => !Number.isFinite(value));
    if (broken !== undefined)
      throw new FormatError(`Tensor ${shorten(name)} of the adapter is damaged`, {
        code: 'ADAPTER_VALUES',
        found: String(broken),
        expected: 'finite numbers',
      });
    values.set(part, places.offset(name));
  }
  return values;
}

function tensorOf(tensors: ReadonlyMap<string, Tensor>, name: string): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined)
    throw new MismatchError('The adapter lacks a tensor that the model needs', {
      code: 'ADAPTER_TENSOR_MISSING',
      found: `no ${name}`,
    });
  return tensor;
}

function checkShape({ name, shape: expected }: ParameterInfo, found: readonly number[]): void {
  if (found.length === expected.length && found.every((size, i) => size === expected[i])) return;
  throw new MismatchError(`Tensor ${shorten(name)} of the adapter has another shape than the model's`, {
    code: 'ADAPTER_SHAPE_MISMATCH',
    found: `[${found.join(', ')}]`,
    expected: `[${expected.join(', ')}]`,
  });
}
