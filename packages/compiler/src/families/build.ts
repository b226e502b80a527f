import { ConfigError } from '@hadamard-adapter/core';
import type { Graph } from '@hadamard-adapter/graph/internal';
import { FAMILIES, familyOf } from './families.js';
import type { WeightSource } from './weights.js';

/** Values of `model_type` that a graph can be built for. */
export const BUILDABLE: readonly string[] = FAMILIES.flatMap(({ build, models }) =>
  build === undefined ? [] : models.map(({ type }) => type),
).toSorted();

/**
 * An encoder straight from its Hugging Face config and weights, already in canonical operators: no exporter stands
 * between. Inputs `input_ids`, `attention_mask` and, where the model has several token types, `token_type_ids`, int64
 * [batch, sequence]; output `last_hidden_state` [batch, sequence, hidden], and `pooler_output` where the checkpoint has
 * a pooler. Weights stay the views that `weights` answers.
 *
 * @throws ConfigError MODEL_TYPE for a family that is not known, MODEL_CONFIG for a setting that is; MismatchError
 *   CHECKPOINT_TENSOR when the weights do not fit.
 */
export function buildEncoder(config: unknown, weights: WeightSource): Graph {
  const type = typeof config === 'object' && config !== null && 'model_type' in config ? config.model_type : undefined;
  const build = typeof type === 'string' ? familyOf(type)?.build : undefined;
  if (build !== undefined) return build(config, weights);
  throw new ConfigError('A graph cannot be built for this family of models', {
    code: 'MODEL_TYPE',
    found: type === undefined ? 'no model_type in config.json' : `model_type ${JSON.stringify(type)}`,
    expected: BUILDABLE.join(', '),
    hint: 'Export the model to ONNX and use that file.',
  });
}
