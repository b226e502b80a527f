import {
  fromFloat32,
  normal,
  readSafetensors,
  toFloat32,
  weightsDigest,
  writeSafetensors,
  type Batch,
  type Files,
  type Tensor,
} from '@hadamard-adapter/core';
import { ADAPTER_CONFIG_FILE, ADAPTER_TENSORS_FILE } from '@hadamard-adapter/core/folder';
import {
  baseWeights,
  loadAdapter,
  loadReferenceModel,
  optionsForAdapter,
  type LocalSession,
} from '../../src/internal.js';
import { type ServingBase, canonicalize, findSites, readEncoder } from '@hadamard-adapter/compiler/internal';
import type { Graph } from '@hadamard-adapter/graph/internal';
import { packagedConfig, packagedFile, packagedGolden } from '../../../compiler/tests/support/packaged.js';

export const WIDTH = 32;

/** What Hugging Face calls the output projections of each fixture, by key of the site; ALBERT has one for all. */
const PROJECTIONS: Readonly<Record<string, (key: string) => string>> = {
  bert: (key) => `encoder.${key}.attention.output.dense`,
  roberta: (key) => `encoder.${key}.attention.output.dense`,
  electra: (key) => `encoder.${key}.attention.output.dense`,
  deberta: (key) => `encoder.${key}.attention.output.dense`,
  'deberta-v2': (key) => `encoder.${key}.attention.output.dense`,
  distilbert: (key) => `transformer.${key}.attention.out_lin`,
  albert: () => 'encoder.albert_layer_groups.0.albert_layers.0.attention.dense',
  bart: (key) =>
    key
      .replace('layer.', 'layers.')
      .replace('.self', '.self_attn.out_proj')
      .replace('.cross', '.encoder_attn.out_proj'),
  't5-encoder': (key) => `encoder.${key.replace('layer.', 'block.')}.layer.0.SelfAttention.o`,
  modernbert: (key) => `${key.replace('layer.', 'layers.')}.attn.Wo`,
};

export const FAMILIES = Object.keys(PROJECTIONS);

/** Output projections of a fixture, cross-attention included. */
export const projectionsOf = (family: string): string[] => [
  ...new Set(
    (packagedGolden(family).variants['context_cross'] ?? packagedGolden(family).variants['context'])?.adapters.map(
      ({ key }) => (PROJECTIONS[family] as (key: string) => string)(key),
    ),
  ),
];

/** Norms that have a place, as PyTorch recorded them; albert has one of each for all layers. */
export const normsOf = (family: string, which: 'attention_output_norms' | 'ffn_output_norms'): string[] => [
  ...new Set(packagedGolden(family)[which]),
];

/** A vector around 1 or 0. */
export const vector = (name: string, mean: number, size = WIDTH): Float32Array =>
  normal(size, 0.3, 7, name).map((value) => value + mean);

/** A PEFT folder by the names of modules, without `base_model.model.`. */
export function peftFolder(
  config: Readonly<Record<string, unknown>>,
  tensors: Readonly<Record<string, Tensor>>,
): Files {
  return {
    [ADAPTER_CONFIG_FILE]: new TextEncoder().encode(JSON.stringify(config)),
    [ADAPTER_TENSORS_FILE]: writeSafetensors(
      Object.entries(tensors).map(([name, tensor]) => [`base_model.model.${name}`, tensor] as const),
      [['format', 'pt']],
    ),
  };
}

/** Random scales of these modules; `context`: they are feed-forward modules. */
export function ia3Folder(
  modules: readonly string[],
  site: 'context' | 'output',
  config: Readonly<Record<string, unknown>> = {},
): Files {
  const shape = site === 'context' ? [1, WIDTH] : [WIDTH, 1];
  return peftFolder(
    { peft_type: 'IA3', target_modules: modules, feedforward_modules: site === 'context' ? modules : [], ...config },
    Object.fromEntries(modules.map((module) => [`${module}.ia3_l`, fromFloat32(vector(module, 1), shape)])),
  );
}

/** Random norms in place of these. */
export function normFolder(
  modules: readonly string[],
  bias: boolean,
  config: Readonly<Record<string, unknown>> = {},
): Files {
  const parts = (module: string): [string, Tensor][] => [
    [`${module}.ln_tuning_layers.weight`, fromFloat32(vector(module, 1))],
    ...(bias
      ? [[`${module}.ln_tuning_layers.bias`, fromFloat32(vector(`${module}.bias`, 0))] satisfies [string, Tensor]]
      : []),
  ];
  return peftFolder(
    { peft_type: 'LN_TUNING', target_modules: modules, ...config },
    Object.fromEntries(modules.flatMap(parts)),
  );
}

export async function baseOf(graph: Graph): Promise<ServingBase> {
  const canonical = canonicalize(graph);
  return { canonical, sites: findSites(canonical), digest: await weightsDigest(baseWeights(canonical.graph)) };
}

/** The checkpoint of a fixture, with some of its tensors changed. */
export function checkpoint(
  family: string,
  change: (name: string, values: Float32Array, shape: readonly number[]) => Float32Array = (_, values) => values,
): Graph {
  const { tensors } = readSafetensors(packagedFile(`${family}/model.safetensors`));
  const changed = [...tensors].map(
    ([name, tensor]) => [name, fromFloat32(change(name, toFloat32(tensor), tensor.shape), tensor.shape)] as const,
  );
  return readEncoder(writeSafetensors(changed), { config: packagedConfig(family) });
}

/** A session of the interpreter with an adapter folder of ours on it. */
export async function sessionWith(
  graph: Graph,
  config: Parameters<typeof optionsForAdapter>[0],
  files: Files,
): Promise<LocalSession> {
  const session = loadReferenceModel(graph, optionsForAdapter(config));
  await loadAdapter(session, files);
  return session;
}

/** Largest difference at tokens of [batch, sequence, width] values; all values where there is no mask. */
export function difference(left: ArrayLike<number>, right: ArrayLike<number>, mask?: Batch['attentionMask']): number {
  if (left.length !== right.length) return Number.NaN;
  const width = mask === undefined ? 1 : left.length / mask.length;
  return Math.max(
    ...Array.from(left, (value, i) =>
      mask === undefined || mask[Math.floor(i / width)] === 1 ? Math.abs(value - (right[i] as number)) : 0,
    ),
  );
}
