import type { Tensor } from './tensor.js';

/** ONNX's numbers for float32 and float16. */
export const FLOAT = 1;
export const FLOAT16 = 10;

/** The float16 tensors that float32 ones were made from: going back costs nothing and gives the same bytes. */
const originals = new WeakMap<Tensor, Tensor>();

export function rememberHalf(wide: Tensor, half: Tensor): void {
  originals.set(wide, half);
}

export const rememberedHalf = (wide: Tensor): Tensor | undefined => originals.get(wide);
