import { sameDim, symbol, type Dim } from '@hadamard-adapter/graph/internal';

const [BATCH, SEQUENCE] = [symbol('batch'), symbol('sequence')];

export const isBatch = (dim: Dim | undefined): boolean => sameDim(dim, BATCH);
export const isSequence = (dim: Dim | undefined): boolean => sameDim(dim, SEQUENCE);

/** Whether these are the dimensions of hidden states: one vector of constant width for each token. */
export const isStates = (dims: readonly Dim[] | undefined): boolean =>
  dims?.length === 3 && isBatch(dims[0]) && isSequence(dims[1]) && typeof dims[2] === 'number';
