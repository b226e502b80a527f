import { MismatchError } from '../errors.js';
import type { Group, OptimizerState } from '../model/model.js';

export interface AdamWSettings {
  readonly learningRate: number;
  /** Decoupled: shrinks the parameters, not part of the gradient. Default 0. */
  readonly weightDecay?: number;
  /** Default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly epsilon?: number;
}

/** Moments before the first step. */
export function initialOptimizer(groups: readonly Group[], size: number): OptimizerState {
  return { groups, step: 0, first: new Float32Array(size), second: new Float32Array(size) };
}

/**
 * One AdamW update (Loshchilov & Hutter, arXiv 1711.05101), in PyTorch's order of operations: p ← p(1 − lr·wd); m, v
 * updated; p ← p − lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε). Arithmetic in float64, stored as float32. A learning
 * rate of 0 still updates the moments.
 *
 * @param values changed in place.
 * @param state its moments are changed in place.
 * @returns the state after the step; shares the moments of `state`.
 * @throws MismatchError OPTIMIZER_SHAPE when the lengths differ.
 */
export function adamw(
  values: Float32Array,
  gradients: Float32Array,
  state: OptimizerState,
  settings: AdamWSettings,
): OptimizerState {
  const { learningRate, weightDecay = 0, betas: [beta1, beta2] = [0.9, 0.999], epsilon = 1e-8 } = settings;
  const { first, second } = state;
  for (const length of [gradients.length, first.length, second.length]) {
    if (length !== values.length) {
      throw new MismatchError('Gradients or moments do not fit the parameters', {
        code: 'OPTIMIZER_SHAPE',
        found: `${length} numbers`,
        expected: String(values.length),
      });
    }
  }
  const step = state.step + 1;
  const stepSize = learningRate / (1 - beta1 ** step);
  const secondCorrection = Math.sqrt(1 - beta2 ** step);
  const decay = 1 - learningRate * weightDecay;
  for (let i = 0; i < values.length; i++) {
    const gradient = at(gradients, i);
    const m = beta1 * at(first, i) + (1 - beta1) * gradient;
    const v = beta2 * at(second, i) + (1 - beta2) * gradient * gradient;
    first[i] = m;
    second[i] = v;
    values[i] = at(values, i) * decay - (stepSize * m) / (Math.sqrt(v) / secondCorrection + epsilon);
  }
  return { groups: state.groups, step, first, second };
}

/**
 * Scale a gradient in place so that its Euclidean norm is at most `maxNorm`, as `torch.nn.utils.clip_grad_norm_` does
 * (factor maxNorm / (norm + 1e-6), at most 1).
 *
 * @returns the norm before clipping.
 */
export function clipGradient(gradients: Float32Array, maxNorm: number): number {
  let squares = 0;
  for (const gradient of gradients) squares += gradient * gradient;
  const norm = Math.sqrt(squares);
  const factor = maxNorm / (norm + 1e-6);
  if (factor < 1) for (let i = 0; i < gradients.length; i++) gradients[i] = at(gradients, i) * factor;
  return norm;
}

/** Lengths are compared once before a loop, not in it; of one kind of array only, so that it is compiled away. */
const at = (values: Float32Array, index: number): number => values[index] ?? Number.NaN;
