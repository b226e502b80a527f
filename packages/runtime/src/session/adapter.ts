import {
  ConfigError,
  fromFloat32,
  type Files,
  type Group,
  type ParameterInfo,
  type Tensor,
} from '@hadamard-adapter/core';
import {
  adapterTensors,
  adapterValues,
  checkAdapterMatches,
  decodeAdapter,
  encodeAdapter,
  taskTypeOf,
  type AdapterConfig,
  type CardInfo,
} from '@hadamard-adapter/core/folder';
import type { SiteInfo } from '@hadamard-adapter/compiler/internal';
import { elementAt, hasKey } from '@hadamard-adapter/core/internal';
import type { AdapterSession, SessionOptions } from './session.js';

/** What an adapter folder says beyond the tensors. */
export interface AdapterInfo {
  /** Hub id or name of the base model, for people; what counts is the hash. */
  readonly baseModel: string;
  /** Names of the labels by index. */
  readonly labels: readonly string[];
  /** Hugging Face `model_type`. */
  readonly family?: string;
  readonly task?: string;
  readonly maxLength?: number;
  readonly card?: CardInfo;
  /** Packages and their versions. */
  readonly versions?: Readonly<Record<string, string>>;
}

/** What an adapter file holds: everything that was trained but the base. */
const SAVED_GROUPS: readonly Group[] = ['classifier', 'adapter', 'norm'];

const savedParameters = ({ parameters }: AdapterSession): ParameterInfo[] =>
  parameters.filter(({ group }) => SAVED_GROUPS.includes(group));

/** The layers of a session that carry an adapter. */
const adaptedLayers = ({ compiled: { sites, options } }: AdapterSession): number[] =>
  [...(options.layers ?? allLayers(sites))].toSorted((a, b) => a - b);

const allLayers = (sites: readonly SiteInfo[]): number[] => [...new Set(sites.map(({ layer }) => layer))];

/**
 * The adapter folder of a session, as files in memory.
 *
 * @throws ConfigError ADAPTER_NONE when the session has no adapter.
 */
export async function saveAdapter(session: AdapterSession, info: AdapterInfo): Promise<Record<string, Uint8Array>> {
  const { compiled, numLabels, loss } = session;
  const { site, norm, crossAttention = false, pooling, head } = compiled.options;
  if (site === 'none')
    throw new ConfigError('A model without adapters cannot be saved as one', {
      code: 'ADAPTER_NONE',
      found: 'site none',
      expected: 'context or output',
    });
  const saved = savedParameters(session);
  const config: AdapterConfig = {
    peft_type: 'HADAMARD',
    format_version: 1,
    base_model_name_or_path: info.baseModel,
    base_weights_sha256: await session.baseDigest(),
    ...(info.family === undefined ? {} : { family: info.family }),
    hidden_size: compiled.canonical.hiddenSize,
    num_layers: allLayers(compiled.sites).length,
    site,
    norm,
    layers: adaptedLayers(session),
    ...(crossAttention ? { cross_attention: true } : {}),
    pooling,
    head,
    loss,
    num_labels: numLabels,
    id2label: Object.fromEntries(
      Array.from({ length: numLabels }, (_, i) => [String(i), info.labels[i] ?? `LABEL_${i}`]),
    ),
    task_type: taskTypeOf({ loss, head }),
    ...(info.task === undefined ? {} : { task: info.task }),
    ...(info.maxLength === undefined ? {} : { max_length: info.maxLength }),
    modules_to_save: [
      ...new Set(
        saved.filter(({ group }) => group === 'classifier').map(({ name }) => name.replace(/\.(weight|bias)$/, '')),
      ),
    ],
    versions: { ...info.versions },
    inference_mode: true,
  };
  const values = await session.read(SAVED_GROUPS);
  return encodeAdapter({
    config,
    tensors: completed(adapterTensors(saved, values)),
    ...(info.card === undefined ? {} : { card: info.card }),
  });
}

/** An adapter of scales or shifts alone, with the other half of it: 0 to add, or 1 to multiply with. */
function completed(tensors: Map<string, Tensor>): Map<string, Tensor> {
  const halves = { weight: ['bias', 0], bias: ['weight', 1] } as const;
  for (const [name, { shape }] of tensors) {
    const [, place, part] = /^(.*\.adapter\.)(weight|bias)$/.exec(name) ?? [];
    if (place === undefined || part === undefined || !hasKey(halves, part)) continue;
    const [other, value] = halves[part];
    if (!tensors.has(`${place}${other}`))
      tensors.set(`${place}${other}`, fromFloat32(new Float32Array(elementAt(shape, 0)).fill(value), shape));
  }
  return tensors;
}

/**
 * Load an adapter folder into a session that was prepared for it, see `optionsForAdapter`.
 *
 * @throws FormatError when the files are damaged; MismatchError when the adapter belongs to another base, site or
 *   shape. The session is then unchanged.
 */
export async function loadAdapter(session: AdapterSession, files: Files): Promise<AdapterConfig> {
  const { config, tensors } = decodeAdapter(files);
  const { site, norm, crossAttention = false } = session.compiled.options;
  if (site === 'none')
    throw new ConfigError('A model without adapters cannot take one', {
      code: 'ADAPTER_NONE',
      found: 'site none',
      expected: config.site,
    });
  const saved = savedParameters(session);
  checkAdapterMatches(config, saved, tensors, {
    baseDigest: await session.baseDigest(),
    hiddenSize: session.compiled.canonical.hiddenSize,
    numLayers: allLayers(session.compiled.sites).length,
    site,
    norm,
    crossAttention,
    layers: adaptedLayers(session),
  });
  await session.write(adapterValues(saved, tensors), SAVED_GROUPS);
  return config;
}

/** How a base model must be loaded so that the adapter fits. */
export function optionsForAdapter(config: AdapterConfig): SessionOptions {
  return {
    numLabels: config.num_labels,
    site: config.site,
    norm: config.norm,
    layers: config.layers,
    crossAttention: config.cross_attention ?? false,
    pooling: config.pooling,
    head: config.head,
    loss: config.loss,
  };
}
