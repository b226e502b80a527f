import type { Tensor } from '../../tensors/tensor.js';

/**
 * Where the bytes of a tensor lie: `length` bytes from byte `offset` of the file `location`, a path relative to the
 * model's folder.
 */
export interface ExternalLocation {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** Where an initializer lies outside the model, or undefined to keep it inside. */
export type LocateTensor = (name: string, tensor: Tensor) => ExternalLocation | undefined;
