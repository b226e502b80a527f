import { MismatchError, UnsupportedError, type Files } from '@hadamard-adapter/core';
import { checkAdapterMatches, decodeAdapter } from '@hadamard-adapter/core/folder';
import { loadAdapter, optionsForAdapter } from '@hadamard-adapter/onnxruntime/web';
import { activeModel, type ActiveModel } from './active-model.js';
import type { BaseModel } from './base-model.js';
import type { BaseFacts, ModelHost } from './model-host.js';

/** More answers than a page can list. */
const MAX_LABELS = 1000;

/**
 * Put an adapter on the embedded base. What cannot fit is refused before the model that is open now is closed.
 *
 * @throws FormatError for damaged files; MismatchError for an adapter of another base; UnsupportedError ADAPTER_TASK.
 */
export async function openAdapter(
  files: Files,
  device: string,
  { base, facts, host }: { readonly base: BaseModel; readonly facts: BaseFacts; readonly host: ModelHost },
): Promise<ActiveModel> {
  const { config } = decodeAdapter(files);
  const { task_type: task, num_labels: labels, id2label } = config;
  if (config.base_weights_sha256 !== facts.digest) {
    throw new MismatchError('The adapter belongs to another base model', {
      code: 'ADAPTER_BASE_MISMATCH',
      found: `one for ${config.base_model_name_or_path} (${config.base_weights_sha256.slice(0, 8)}…)`,
      expected: `one for ${base.name} (${facts.digest.slice(0, 8)}…)`,
      hint: 'This page has one base model; load an adapter that was trained on it.',
    });
  }
  if (task !== 'SEQ_CLS' || config.loss !== 'cross-entropy' || labels > MAX_LABELS) {
    throw new UnsupportedError('This page shows classifiers of texts only', {
      code: 'ADAPTER_TASK',
      found: `task ${task}, loss ${config.loss}, ${labels} labels`,
      expected: `SEQ_CLS with cross-entropy and at most ${MAX_LABELS} labels`,
    });
  }
  const target = {
    baseDigest: facts.digest,
    hiddenSize: facts.hiddenSize,
    numLayers: facts.layers,
    site: config.site,
    norm: config.norm,
    layers: config.layers,
    crossAttention: config.cross_attention ?? false,
  };
  checkAdapterMatches(config, [], new Map(), target);
  const model = await host.open({ ...optionsForAdapter(config), device });
  await loadAdapter(model.session, files);
  return activeModel(model, base, {
    origin: 'loaded',
    name: config.task ?? 'loaded adapter',
    labels: Array.from({ length: labels }, (_, i) => id2label[String(i)] ?? `LABEL_${i}`),
  });
}
