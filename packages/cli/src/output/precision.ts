import type { CanonicalGraph } from '@hadamard-adapter/compiler/internal';

/** What a base that is not float32 means for whoever trains on it. */
export const STORED: Readonly<Record<CanonicalGraph['precision'], string | undefined>> = {
  float32: undefined,
  float16: 'stored in float16: inference stays in float16, training computes in float32 from the same weights',
  int8:
    'stored in int8: inference stays in int8, training sends gradients through the dequantized weights, past the ' +
    'rounding of activations',
};
