import { BYTES_PER_ELEMENT, type Tensor } from '@hadamard-adapter/graph/internal';

/** Whether all elements of a float tensor are equal. */
export function isUniform({ dtype, bytes }: Tensor): boolean {
  if (dtype !== 'float32' && dtype !== 'float16') return false;
  const width = BYTES_PER_ELEMENT[dtype];
  return bytes.every((byte, i) => byte === bytes[i % width]);
}
