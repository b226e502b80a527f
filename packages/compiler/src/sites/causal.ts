import { UnsupportedError } from '@hadamard-adapter/core';
import { quote, sampleValues, type Value, type View } from '@hadamard-adapter/graph/internal';
import { MASK_SAMPLES, VANISHING } from '../forms/masks.js';
import type { AttentionBlock } from './blocks.js';

/**
 * A decoder without encoder (GPT, Llama) sees only what stands in front of each token: its mask shows it. The
 * classifiers of this project read positions that have seen the whole text.
 *
 * @throws UnsupportedError MODEL_DECODER naming the attention and its mask.
 */
export function refuseCausal(view: View, blocks: readonly AttentionBlock[]): void {
  const terms = new Map(blocks.map(({ node, bias }) => [node, bias === undefined ? [] : termsOf(view, bias)]));
  const masks = [...new Set([...terms.values()].flat())];
  if (masks.length === 0) return;
  const samples = MASK_SAMPLES.map((size) => sampleValues(view.graph, masks, size));
  for (const [node, own] of terms) {
    const causal = own.find((term) => samples.some((values) => isCausal(values.get(term))));
    if (causal === undefined) continue;
    throw new UnsupportedError('The model is a decoder: its attention looks backwards only', {
      code: 'MODEL_DECODER',
      found: `attention ${quote(node.name)} with the causal mask ${quote(causal)}`,
      expected: 'an encoder, or an encoder with its decoder',
      hint: 'Use an encoder such as BERT, RoBERTa, DeBERTa, ELECTRA or BART.',
    });
  }
}

/** `value` and, where it is a sum, its terms. */
function termsOf(view: View, value: string): string[] {
  const sum = view.producedBy(value, 'Add') ?? view.producedBy(value, 'Max');
  return [value, ...(sum?.inputs.flatMap((input) => termsOf(view, input)) ?? [])];
}

/** Whether every score of a later position is masked, while some earlier ones are not. */
function isCausal(bias: Value | undefined): boolean {
  if (bias?.data === undefined || bias.dims.length < 2) return false;
  const [queries, keys] = bias.dims.slice(-2);
  if (queries === undefined || keys === undefined || queries !== keys || queries < 2) return false;
  const later = (i: number): boolean => i % keys > Math.floor(i / keys) % queries;
  const open = bias.data.some(
    (score, i) => !later(i) && i % keys !== Math.floor(i / keys) % queries && score > VANISHING,
  );
  return open && bias.data.every((score, i) => !later(i) || score <= VANISHING);
}
