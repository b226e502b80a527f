import { UnsupportedError } from '@hadamard-adapter/core';
import { quote, type View, type Probe, type Value } from '@hadamard-adapter/graph/internal';
import { VANISHING } from '../passes/masks.js';
import type { AttentionBlock } from './blocks.js';

/**
 * A decoder without encoder (GPT, Llama) sees only what stands in front of each token: its mask shows it. The
 * classifiers of this project read positions that have seen the whole text.
 *
 * @throws UnsupportedError MODEL_DECODER naming the attention and its mask.
 */
export function refuseCausal(view: View, shapes: Probe, blocks: readonly AttentionBlock[]): void {
  for (const { node, bias } of blocks) {
    const causal =
      bias === undefined
        ? undefined
        : termsOf(view, bias).find((term) => shapes.some((values) => isCausal(values.get(term))));
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
  const [queries, keys] = bias.dims.slice(-2) as [number, number];
  if (queries !== keys || queries < 2) return false;
  const later = (i: number): boolean => i % keys > Math.floor(i / keys) % queries;
  const open = bias.data.some(
    (score, i) => !later(i) && i % keys !== Math.floor(i / keys) % queries && score > VANISHING,
  );
  return open && bias.data.every((score, i) => !later(i) || score <= VANISHING);
}
