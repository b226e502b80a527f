import { ConfigError } from '@hadamard-adapter/core';
import type { Graph } from '@hadamard-adapter/graph/internal';
import { albertGraph } from './albert.js';
import { bartGraph } from './bart.js';
import { bertGraph, electraGraph, robertaGraph } from './bert.js';
import { debertaGraph, debertaV2Graph } from './deberta.js';
import { distilbertGraph } from './distilbert.js';
import { modernbertGraph } from './modernbert.js';
import { t5Graph } from './t5.js';
import type { WeightSource } from './weights.js';

/** By `model_type` of the Hugging Face config. */
const BUILDERS: Readonly<Record<string, (config: unknown, weights: WeightSource) => Graph>> = {
  albert: albertGraph,
  bart: bartGraph,
  bert: bertGraph,
  camembert: robertaGraph,
  deberta: debertaGraph,
  'deberta-v2': debertaV2Graph,
  distilbert: distilbertGraph,
  electra: electraGraph,
  modernbert: modernbertGraph,
  roberta: robertaGraph,
  t5: t5Graph,
  'xlm-roberta': robertaGraph,
};

/** Values of `model_type` that a graph can be built for. */
export const BUILDABLE: readonly string[] = Object.keys(BUILDERS);

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
  const builder = typeof type === 'string' && Object.hasOwn(BUILDERS, type) ? BUILDERS[type] : undefined;
  if (builder !== undefined) return builder(config, weights);
  throw new ConfigError('A graph cannot be built for this family of models', {
    code: 'MODEL_TYPE',
    found: type === undefined ? 'no model_type in config.json' : `model_type ${JSON.stringify(type)}`,
    expected: BUILDABLE.join(', '),
    hint: 'Export the model to ONNX and use that file.',
  });
}
