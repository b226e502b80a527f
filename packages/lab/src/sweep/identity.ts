import { weightsDigest } from '@hadamard-adapter/core';
import { baseWeights } from '@hadamard-adapter/runtime/internal';
import { canonicalize } from '@hadamard-adapter/compiler/internal';
import type { LoadedData, ModelFolder } from '@hadamard-adapter/cli/internal';
import { canonicalJson, digestOf } from './canonical.js';

/** What a base model is, wherever it lies. */
export interface ModelIdentity {
  /** `weightsDigest` of the base weights, as adapters carry it. */
  readonly weights: string;
  /** Of the config and the tokenizer: what texts become. */
  readonly files: string;
}

/**
 * The hashes that name a model.
 *
 * @param head whether the model's own classifier is part of what is trained on.
 * @throws what `canonicalize` throws.
 */
export async function modelIdentity(
  { graph, config, tokenizer, tokenizerConfig }: ModelFolder,
  head: boolean,
): Promise<ModelIdentity> {
  const optional = (bytes: Uint8Array | undefined): string => (bytes === undefined ? 'none' : digestOf(bytes));
  return {
    weights: await weightsDigest(baseWeights(canonicalize(graph, { keepHead: head }).graph)),
    files: digestOf(
      canonicalJson({ config, tokenizer: optional(tokenizer), tokenizerConfig: optional(tokenizerConfig) }),
    ),
  };
}

/** The hash that names the examples of a run, those held out included, after a limit was applied. */
export function dataDigest({ train, dev }: Pick<LoadedData, 'train' | 'dev'>): string {
  const tables = [{ name: 'train', table: train }, ...dev.map(({ name, table }) => ({ name: `dev${name}`, table }))];
  const parts = tables.flatMap(({ name, table }) => {
    if (table === undefined) return [];
    const { kind, labels, examples } = table;
    // A line for each example: a text of everything could be longer than a string may be.
    return [
      `${canonicalJson({ name, kind, labels, examples: examples.length })}\n`,
      ...examples.map(({ text, pair, label }) => `${JSON.stringify([text, pair ?? null, label ?? null])}\n`),
    ];
  });
  return digestOf(...parts);
}
