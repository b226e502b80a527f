import { UnsupportedError } from '@hadamard-adapter/core';
import { dimsText, quote, type Graph, type ValueInfo } from '@hadamard-adapter/graph/internal';
import { TOKEN_INPUTS } from '../forms/token-inputs.js';
import type { Pass } from './pass.js';

export const checkTextInputs: Pass = {
  name: 'check-text-inputs',
  does: 'Refuses a model that does not read token ids, or wants more than ids, mask and segment ids.',
  needs: 'nothing',
  guarantees: 'inputs are those of a text encoder',
  run(graph) {
    checkInputs(graph);
    return graph;
  },
};

/** @throws UnsupportedError MODEL_INPUT naming the inputs: of an image model, or of the decoder of a pair. */
function checkInputs({ inputs }: Graph): void {
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
