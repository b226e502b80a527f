import * as v from 'valibot';
import { ConfigError, FormatError } from '../errors.js';
import { isTokenLoss } from '../math/loss.js';
import type { HeadKind, Loss } from '../model/model.js';
import { sha256Schema } from '../files/schemas.js';
import { parseJson, validate } from '../files/validate.js';
import { elementAt } from '../values.js';

const count = (least: number, most: number) =>
  v.pipe(
    v.number(),
    v.integer(`an integer from ${least} to ${most}`),
    v.minValue(least, `at least ${least}`),
    v.maxValue(most, `at most ${most}`),
  );
const text = v.pipe(v.string(), v.maxLength(1000, 'at most 1000 characters'));

const schema = v.pipe(
  v.object({
    /** Tells tools that read PEFT folders what this is. */
    peft_type: v.literal('HADAMARD'),
    format_version: v.literal(1),
    /** For people. What decides whether the adapter fits is the hash. */
    base_model_name_or_path: text,
    /** `weightsDigest` of the base model's tensors. */
    base_weights_sha256: sha256Schema,
    family: v.exactOptional(text),
    hidden_size: count(1, 1_000_000),
    num_layers: count(1, 10_000),
    site: v.picklist(['context', 'output']),
    norm: v.picklist(['attention', 'output', 'both', 'none']),
    /** Layers that carry an adapter, ascending. */
    layers: v.pipe(
      v.array(count(0, 9_999)),
      v.check(
        (layers) => layers.every((layer, i) => i === 0 || layer > elementAt(layers, i - 1)),
        'ascending layer numbers, each once',
      ),
    ),
    /** Whether the cross-attentions of a decoder carry adapters too. */
    cross_attention: v.exactOptional(v.boolean()),
    pooling: v.picklist(['first', 'last', 'mean', 'none']),
    head: v.picklist(['linear', 'tanh', 'model', 'cosine']),
    loss: v.picklist(['cross-entropy', 'mse', 'bce', 'token-cross-entropy', 'span-cross-entropy']),
    num_labels: count(1, 100_000),
    /** Names of the labels by index, as in a Hugging Face config. */
    id2label: v.record(v.string(), text),
    /** PEFT's. `FEATURE_EXTRACTION` has the head `cosine` and no classifier. */
    task_type: v.picklist(['SEQ_CLS', 'TOKEN_CLS', 'QUESTION_ANS', 'FEATURE_EXTRACTION']),
    /** Name of the task, for instance `sst2`. */
    task: v.exactOptional(text),
    /** Tokens after which texts were cut. */
    max_length: v.exactOptional(count(1, 1_000_000)),
    /** PEFT's word for what is trained besides the adapter proper. */
    modules_to_save: v.array(text),
    /** Packages that wrote the folder. */
    versions: v.record(v.string(), text),
    inference_mode: v.boolean(),
  }),
  v.check(({ layers, num_layers }) => (layers.at(-1) ?? 0) < num_layers, 'layers below num_layers'),
  v.check(
    ({ id2label, num_labels }) =>
      Object.keys(id2label).length === num_labels && Object.keys(id2label).every((key, i) => key === String(i)),
    'id2label with a name for every label from "0" on',
  ),
  v.check((config) => config.task_type === taskTypeOf(config), 'a task_type that fits loss and head'),
  v.check(
    ({ loss, pooling }) => isTokenLoss(loss) === (pooling === 'none'),
    'pooling "none" with losses of tokens, and only with them',
  ),
);

/** The `task_type` of an adapter. */
export function taskTypeOf({
  loss,
  head,
}: {
  readonly loss: Loss;
  readonly head: HeadKind;
}): 'SEQ_CLS' | 'TOKEN_CLS' | 'QUESTION_ANS' | 'FEATURE_EXTRACTION' {
  if (head === 'cosine') return 'FEATURE_EXTRACTION';
  return loss === 'token-cross-entropy' ? 'TOKEN_CLS' : loss === 'span-cross-entropy' ? 'QUESTION_ANS' : 'SEQ_CLS';
}

/** `adapter_config.json`. Keys that are not listed here are ignored, so that other tools may add theirs. */
export type AdapterConfig = v.InferOutput<typeof schema>;

/**
 * Check a config that is about to be written.
 *
 * @throws ConfigError ADAPTER_CONFIG naming the first field that is wrong.
 */
export function checkAdapterConfig(config: AdapterConfig): AdapterConfig {
  return validate(schema, config, { what: 'The adapter config', code: 'ADAPTER_CONFIG', error: ConfigError });
}

/**
 * Read `adapter_config.json`.
 *
 * @throws FormatError ADAPTER_CONFIG; ADAPTER_TYPE for another PEFT method; ADAPTER_VERSION for a later version of this
 *   format.
 */
export function parseAdapterConfig(bytes: Uint8Array): AdapterConfig {
  const what = 'adapter_config.json';
  const json = parseJson(bytes, { what, code: 'ADAPTER_CONFIG', maxBytes: 16 * 2 ** 20 });
  const head = validate(v.object({ peft_type: v.string(), format_version: v.exactOptional(v.number()) }), json, {
    what,
    code: 'ADAPTER_CONFIG',
    error: FormatError,
  });
  if (head.peft_type !== 'HADAMARD') {
    throw new FormatError('The folder holds another kind of adapter', {
      code: 'ADAPTER_TYPE',
      found: JSON.stringify(head.peft_type.slice(0, 40)),
      expected: '"HADAMARD"',
    });
  }
  if (head.format_version !== undefined && head.format_version > 1) {
    throw new FormatError('The adapter was written by a later version', {
      code: 'ADAPTER_VERSION',
      found: `format_version ${head.format_version}`,
      expected: '1',
      hint: 'Update this package.',
    });
  }
  return validate(schema, json, { what, code: 'ADAPTER_CONFIG', error: FormatError });
}
