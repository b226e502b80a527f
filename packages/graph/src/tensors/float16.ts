const scratch = new Float32Array(1);
const scratchBits = new Uint32Array(scratch.buffer);

/** The number whose IEEE 754 binary16 bits these are. */
export function fromFloat16(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/**
 * Bits of the binary16 number nearest to `value`, ties to even; beyond 65504 infinity. `value` is rounded to float32
 * first.
 */
export function toFloat16(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0] ?? 0;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude > 0x7f80_0000) return sign | 0x7e00;
  if (magnitude >= 0x4780_0000) return sign | 0x7c00;
  // Below the smallest normal binary16 the step is a constant 2⁻²⁴, so rounding is that of an integer.
  if (magnitude < 0x3880_0000) return sign | roundHalfEven(Math.abs(scratch[0]) * 2 ** 24);
  // A carry out of the fraction runs into the exponent, which is what rounding up means, up to and including infinity.
  return sign | ((magnitude - 0x3800_0000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

/** The number whose bfloat16 bits these are: the upper half of a float32. */
export function fromBfloat16(bits: number): number {
  scratchBits[0] = bits << 16;
  return scratch[0] ?? 0;
}

/** Bits of the bfloat16 number nearest to `value`, ties to even. `value` is rounded to float32 first. */
export function toBfloat16(value: number): number {
  scratch[0] = value;
  const bits = scratchBits[0] ?? 0;
  if ((bits & 0x7fff_ffff) > 0x7f80_0000) return ((bits >>> 16) & 0x8000) | 0x7fc0;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
