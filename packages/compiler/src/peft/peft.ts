import { ConfigError, UnsupportedError, fromFloat32, type Files, type RowLoss } from '@hadamard-adapter/core';
import { encodeAdapter, taskTypeOf, type AdapterConfig } from '@hadamard-adapter/core/folder';
import { insertAdapters } from '../adapters/insert.js';
import { initialValues, sortParameters } from '../adapters/parameters.js';
import type { Family } from '../families/family.js';
import { headParameters } from '../heads/head.js';
import type { ServingBase } from '../serving/adapter.js';
import { classifierOf, isClassifier, type Classifier } from './classifier.js';
import { readPeftConfig, type PeftConfig } from './config.js';
import { checkNoLayerMissing } from './locate.js';
import { refuseTensors } from './refuse.js';
import { targetOf, type Target } from './target-modules.js';
import { readPeftTensors, type PeftTensor } from './tensors.js';
import { readTrained, type Trained } from './trained.js';

/** What PEFT's folder does not say. */
export interface PeftOptions {
  /** Names of the labels by index; default `LABEL_0` and so on. */
  readonly labels?: readonly string[];
  /** Hugging Face `model_type` of the base. */
  readonly family?: string;
  /**
   * Of a classifier of texts; default `mse` for one label, else `cross-entropy`. `bce` for labels that may hold
   * together.
   */
  readonly loss?: RowLoss;
}

/**
 * An adapter folder of Hugging Face PEFT as one of ours, as files in memory. What is read: IA³ (Liu et al., arXiv
 * 2205.05638) on the output projection of attentions, whose `ia3_l` is the scale w of site `context` where the module
 * counted as feed-forward (it multiplies the input) and of site `output` where it did not (it multiplies the output
 * with its bias); LN tuning (Zhao et al., arXiv 2312.11420) of the norms behind attention and feed-forward, with w = 1;
 * and with either a classifier that is one of ours. Shifts b are 0. Nothing is left out: a tensor without a place
 * refuses the folder.
 *
 * @param base digest and shapes that the result is made for. PEFT records no hash, so another base of the same shapes
 *   cannot be told.
 * @throws FormatError PEFT_FILE, PEFT_CONFIG, PEFT_VALUES, SAFETENSORS_*; UnsupportedError PEFT_TYPE, PEFT_TENSOR,
 *   PEFT_SITE, PEFT_CLASSIFIER, SAFETENSORS_DTYPE; MismatchError PEFT_SHAPE, PEFT_LAYERS, PEFT_NORMS, PEFT_SITE;
 *   ConfigError PEFT_LABELS.
 */
export function fromPeft(files: Files, base: ServingBase, options: PeftOptions = {}): Files {
  const config = readPeftConfig(files);
  const tensors = readPeftTensors(files, config);
  const { known, behind } = sorted(tensors);
  const targets = new Map(known.map(([{ module }, target]) => [module, target]));
  const classifier = classifierOf(
    behind,
    familyOf(known),
    config.task_type ?? undefined,
    base.canonical.hiddenSize,
    options.loss,
  );
  const trained = readTrained(base, config, known);
  checkNoLayerMissing(base, config, targets);
  return encode(base, config, trained, classifier, options);
}

/** Tensors of adapters and norms with their targets, and those of a classifier. */
function sorted(tensors: readonly PeftTensor[]): { known: [PeftTensor, Target][]; behind: PeftTensor[] } {
  const known: [PeftTensor, Target][] = [];
  const behind: PeftTensor[] = [];
  const refused: string[] = [];
  for (const tensor of tensors) {
    const target = targetOf(tensor.module);
    if (target !== undefined && (target.role === 'adapter') === (tensor.part === 'ia3_l')) known.push([tensor, target]);
    else if (isClassifier(tensor.module) && tensor.part !== 'ia3_l') behind.push(tensor);
    else refused.push(tensor.name);
  }
  refuseTensors(
    refused,
    'IA³ on the output projection of attentions, norms behind attention or feed-forward, and a classifier',
    hintFor(refused),
  );
  if (known.length === 0)
    throw new UnsupportedError('The PEFT folder has no trained vectors', {
      code: 'PEFT_TENSOR',
      found: `${behind.length} tensors of a classifier and no others`,
      expected: 'IA³ on the output projection of attentions, or norms',
    });
  return { known, behind };
}

const NORMS_BY_LAYER =
  'Choose norms by layer, such as target_modules ".*encoder.layer.*LayerNorm", without that of the embeddings.';

function hintFor(refused: readonly string[]): string | undefined {
  if (refused.some((name) => name.endsWith('.ia3_l')))
    return (
      'Keys, values and feed-forward have no adapter here: train with target_modules and feedforward_modules ' +
      '["attention.output.dense"], or what the model calls it.'
    );
  if (refused.some((name) => /embed|norm/i.test(name))) return NORMS_BY_LAYER;
  return undefined;
}

/** @throws UnsupportedError PEFT_TENSOR when the tensors are those of several models. */
function familyOf(known: readonly [PeftTensor, Target][]): Family | undefined {
  const families = new Map(known.map(([{ name }, { family }]) => [family, name]));
  if (families.size > 1) refuseTensors([...families.values()], 'tensors of one model');
  return [...families.keys()][0];
}

function encode(
  base: ServingBase,
  peft: PeftConfig,
  { site, norm, sites, scales, norms }: Trained,
  { head, pooling, loss, numLabels, values }: Classifier,
  { labels, family }: PeftOptions,
): Files {
  const { canonical, digest } = base;
  const { hiddenSize, graph } = canonical;
  if (labels !== undefined && labels.length !== numLabels && head !== 'cosine')
    throw new ConfigError('The names of the labels do not fit the classifier of the PEFT folder', {
      code: 'PEFT_LABELS',
      found: String(labels.length),
      expected: String(numLabels),
    });
  const layers = [...new Set(sites.map(({ layer }) => layer))].toSorted((a, b) => a - b);
  const crossAttention = sites.some(({ kind }) => kind === 'cross');
  const classifier = head === 'model' ? [] : headParameters({ head, numLabels, hiddenSize });
  const parameters = sortParameters([
    ...classifier,
    ...insertAdapters(graph, base.sites, { site, norm, layers, crossAttention }).parameters,
  ]);
  const tensors = parameters.map((parameter) => {
    const { name, shape, source } = parameter;
    // Layers that were trained in part keep the rest: w = 1, b = 0 and the base's own norms.
    const value =
      values.get(name) ??
      scales.get(name.replace(/\.adapter\.weight$/, '')) ??
      norms.get(source ?? '') ??
      initialValues(parameter, graph.tensors, () => new Float32Array(0));
    return [name, fromFloat32(value, shape)] as const;
  });
  const config: AdapterConfig = {
    peft_type: 'HADAMARD',
    format_version: 1,
    base_model_name_or_path: peft.base_model_name_or_path ?? '',
    base_weights_sha256: digest,
    ...(family === undefined ? {} : { family }),
    hidden_size: hiddenSize,
    num_layers: new Set(base.sites.map(({ layer }) => layer)).size,
    site,
    norm,
    layers,
    ...(crossAttention ? { cross_attention: true } : {}),
    pooling,
    head,
    loss,
    num_labels: numLabels,
    id2label:
      head === 'cosine'
        ? { 0: 'score' }
        : Object.fromEntries(Array.from({ length: numLabels }, (_, i) => [String(i), labels?.[i] ?? `LABEL_${i}`])),
    task_type: taskTypeOf({ loss, head }),
    modules_to_save: [...new Set(classifier.map(({ name }) => name.replace(/\.(weight|bias)$/, '')))],
    versions: peft.peft_version === undefined || peft.peft_version === null ? {} : { peft: peft.peft_version },
    inference_mode: true,
  };
  return encodeAdapter({
    config,
    tensors: new Map(tensors),
    card: {
      notes: `Converted from an adapter of Hugging Face PEFT (${peft.peft_type === 'IA3' ? 'IA³' : 'LN tuning'}).`,
    },
  });
}
