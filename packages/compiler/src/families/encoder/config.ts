import { ConfigError, validate } from '@hadamard-adapter/core';
import * as v from 'valibot';
import { string } from '@hadamard-adapter/graph/internal';
import type { EncoderBuilder } from './encoder-builder.js';

/** A size in a Hugging Face config; absent and null mean the default of the model's own configuration class. */
export const size = (fallback: number, least = 1) =>
  v.nullish(
    v.pipe(
      v.number(),
      v.integer('a whole number'),
      v.minValue(least, `at least ${least}`),
      v.maxValue(2 ** 31, 'below 2^31'),
    ),
    fallback,
  );
export const real = (fallback: number) => v.nullish(v.pipe(v.number(), v.finite('a finite number')), fallback);
export const flag = (fallback: boolean) => v.nullish(v.boolean(), fallback);
export const text = (fallback: string) => v.nullish(v.string(), fallback);

/** Sizes under the names that BERT, its relatives and DeBERTa share, with those of the base models as defaults. */
export const BASE_SIZES = {
  hidden_size: size(768),
  num_hidden_layers: size(12),
  num_attention_heads: size(12),
  intermediate_size: size(3072),
  hidden_act: text('gelu'),
  max_position_embeddings: size(512),
};

/** A size without a default: that of the hidden states counts instead. */
export const ownSize = v.nullish(
  v.pipe(v.number(), v.integer('a whole number'), v.minValue(1, 'at least 1'), v.maxValue(2 ** 31, 'below 2^31')),
);

/** @throws ConfigError MODEL_CONFIG naming the field that is wrong. */
export function readSizes<Schema extends v.GenericSchema>(schema: Schema, config: unknown): v.InferOutput<Schema> {
  return validate(schema, config, { what: 'config.json', code: 'MODEL_CONFIG', error: ConfigError });
}

/** @throws ConfigError MODEL_CONFIG when the heads do not divide the width. */
export function headSize(width: number, heads: number): number {
  if (width % heads === 0) return width / heads;
  throw new ConfigError('The heads of the model do not divide its hidden size', {
    code: 'MODEL_CONFIG',
    found: `${width} over ${heads} heads`,
    expected: 'a multiple',
  });
}

/** @throws ConfigError MODEL_CONFIG: a setting that this version does not build. */
export function refuse(what: string, found: string, expected: string): never {
  throw new ConfigError(`A graph cannot be built for ${what}`, {
    code: 'MODEL_CONFIG',
    found,
    expected,
    hint: 'Export the model to ONNX and use that file.',
  });
}

const ACTIVATIONS: Readonly<Record<string, (builder: EncoderBuilder, x: string) => string>> = {
  gelu: (builder, x) => builder.emit('Gelu', [x], `${x}/gelu`, { approximate: string('none') }),
  gelu_new: tanhGelu,
  gelu_pytorch_tanh: tanhGelu,
  gelu_fast: tanhGelu,
  relu: (builder, x) => builder.emit('Relu', [x], `${x}/relu`),
  silu: sigmoidProduct,
  swish: sigmoidProduct,
  tanh: (builder, x) => builder.emit('Tanh', [x], `${x}/tanh`),
};

function tanhGelu(builder: EncoderBuilder, x: string): string {
  return builder.emit('Gelu', [x], `${x}/gelu`, { approximate: string('tanh') });
}

function sigmoidProduct(builder: EncoderBuilder, x: string): string {
  return builder.emit('Mul', [x, builder.emit('Sigmoid', [x], `${x}/sigmoid`)], `${x}/silu`);
}

/**
 * The activation function that Hugging Face calls `name`.
 *
 * @throws ConfigError MODEL_CONFIG for one that is not known.
 */
export function activation(name: string): (builder: EncoderBuilder, x: string) => string {
  const known = Object.hasOwn(ACTIVATIONS, name) ? ACTIVATIONS[name] : undefined;
  return known ?? refuse('this activation', name, Object.keys(ACTIVATIONS).join(', '));
}
