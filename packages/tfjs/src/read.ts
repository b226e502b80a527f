import type { Tensor } from '@tensorflow/tfjs-core';

/** The numbers of a tensor, which is gone afterwards. */
export async function read(tensor: Tensor): Promise<Float32Array> {
  try {
    return Float32Array.from(await tensor.data());
  } finally {
    tensor.dispose();
  }
}
