import { UnsupportedError } from '@hadamard-adapter/core';
import { type Graph, type ValueInfo, dimsText, quote } from '@hadamard-adapter/graph/internal';

/** Names of the token inputs that exporters agree on. */
export const TOKEN_INPUTS = ['input_ids', 'attention_mask', 'token_type_ids'] as const;

/**
 * Refuse a base model that does not read token ids, or wants more than ids, mask and segment ids: an image model, the
 * decoder of a pair.
 *
 * @throws UnsupportedError MODEL_INPUT naming the inputs.
 */
export function checkInputs({ inputs }: Graph): void {
  const known: readonly string[] = TOKEN_INPUTS;
  const unknown = inputs.filter(({ name }) => !known.includes(name));
  const reads = inputs.some(({ name, dtype }) => name === 'input_ids' && (dtype === 'int64' || dtype === 'int32'));
  if (reads && unknown.length === 0) return;
  throw new UnsupportedError(
    reads ? 'The model has inputs that are not those of a text encoder' : 'The model does not read text',
    {
      code: 'MODEL_INPUT',
      found: (reads ? unknown : inputs).map(inputText).join(', ') || 'no inputs',
      expected: `${TOKEN_INPUTS.join(', ')}, the first of integers`,
      hint: 'Export a text encoder for feature extraction.',
    },
  );
}

const inputText = ({ name, dtype, dims }: ValueInfo): string => `${quote(name).slice(1, -1)} ${dtype}${dimsText(dims)}`;
