import type { Precision } from '@hadamard-adapter/core';
import type { Tolerances } from '@hadamard-adapter/core/driver';
import { keysOf } from '@hadamard-adapter/core/internal';

/** By the names that exporters and the Hub give their files. */
export function precisionOf(variant: string): Precision {
  if (/int8|uint8|quantized/.test(variant)) return 'int8';
  return /fp16|float16/.test(variant) ? 'float16' : 'float32';
}

/**
 * Float32 arithmetic on models of three layers and width 32: PyTorch's own float32 run is up to 3e-6 away from float64
 * in hidden states and up to 1.2e-5 (relative) in gradients; the bounds leave a runtime twice to three times that.
 */
export const FLOAT32_TOLERANCES: Tolerances = {
  hidden: 1e-5,
  logits: 1e-5,
  gradient: 2e-5,
  trajectory: 1e-4,
  identity: 1e-6,
  fold: 1e-5,
};

/**
 * Float16 keeps three digits: PyTorch's values are met within 4e-3 by ONNX Runtime on the file itself, and a logit is a
 * sum over 32 such numbers with weights around a half. Training computes in float32 from weights rounded to float16,
 * which moves a gradient by about as much as a hidden state.
 */
const FLOAT16_TOLERANCES: Tolerances = {
  hidden: 1e-2,
  logits: 3e-2,
  gradient: 1e-2,
  trajectory: 1e-2,
  identity: 1e-2,
  fold: 3e-2,
};

/**
 * Scale and zero point of a dynamic quantization cover a whole tensor: where one number falls to the other side of a
 * rounding, everything moves a little. That happens between two settings of one ONNX Runtime, so folded and unfolded
 * logits, which differ in the last bit of float32, may be this far apart.
 */
const INT8_TOLERANCES: Tolerances = {
  hidden: 0.1,
  logits: 0.1,
  gradient: 2e-5,
  trajectory: 1e-4,
  identity: 1e-6,
  fold: 0.1,
};

/** What a driver has to meet on a file; `own` are the bounds of a device that computes otherwise than in float32. */
export function tolerancesFor(precision: Precision, own: Partial<Tolerances> = {}): Tolerances {
  const base = { float32: FLOAT32_TOLERANCES, float16: FLOAT16_TOLERANCES, int8: INT8_TOLERANCES }[precision];
  const wider = keysOf(own).map((name) => [name, Math.max(own[name] ?? 0, precision === 'float32' ? 0 : base[name])]);
  return { ...base, ...Object.fromEntries(wider) };
}

/** Bounds on what int8 costs, see the README. */
export const INT8_BOUNDS = {
  /**
   * Mean difference of hidden states from those ONNX Runtime recorded for the same file; computing in float instead is
   * off by 0.015 and more.
   */
  recordedMean: 0.012,
  /** Mean difference of hidden states from the float32 model's: 0.03 measured at most on models this small. */
  floatMean: 0.06,
  /** 1 − cosine between the whole gradient and the float32 model's: 0.031 measured at most. */
  direction: 0.1,
} as const;
