import {
  ConfigError,
  ADAPTER_DEFAULTS,
  STAGE_DEFAULTS,
  checkPlan,
  twoStage,
  type Group,
  type HeadKind,
  type Norm,
  type Plan,
  type Pooling,
  type Site,
  type StageOptions,
} from '@hadamard-adapter/core';
import { elementAt } from '@hadamard-adapter/core/internal';
import type { SessionOptions } from '@hadamard-adapter/runtime/internal';

/** What is trained, each by the same machinery: a set of tensors, their places, and stages. */
export const METHODS = ['classifier', 'full', 'hadamard', 'layernorm', 'bitfit', 'ia3', 'red', 'lora'] as const;

export type Method = (typeof METHODS)[number];

/** Everything about a run that is neither model nor data nor seed. */
export interface MethodSettings {
  readonly method: Method;
  /** Of `hadamard`. */
  readonly site: Site;
  /** Of `hadamard`. */
  readonly norm: Norm;
  /** Layers that are trained; absent: all. */
  readonly layers?: readonly number[];
  /** Of `hadamard`: scale and shift, or one of them. */
  readonly parts: 'both' | 'scale' | 'shift';
  /** 1: everything at once. 2: the classifier alone first. */
  readonly stages: 1 | 2;
  /** In the second of two stages. */
  readonly freezeClassifier: boolean;
  readonly pooling: Exclude<Pooling, 'none'>;
  readonly head: Exclude<HeadKind, 'cosine'>;
  readonly dropout: number;
  /** Of `lora`. */
  readonly rank: number;
  /** Of `lora`: its update is multiplied by alpha / rank. */
  readonly alpha: number;
  /** Of the first of two stages. */
  readonly classifierEpochs: number;
  readonly classifierLr: number;
  readonly epochs: number;
  readonly lr: number;
  readonly batchSize: number;
  readonly weightDecay: number;
  readonly warmup: number;
  readonly schedule: 'linear' | 'constant';
  readonly patience?: number;
  readonly maxGradNorm?: number;
}

const COMMON: MethodSettings = {
  method: 'hadamard',
  site: ADAPTER_DEFAULTS.site,
  norm: ADAPTER_DEFAULTS.norm,
  parts: 'both',
  stages: 1,
  freezeClassifier: true,
  pooling: ADAPTER_DEFAULTS.pooling,
  head: 'linear',
  dropout: 0,
  rank: 8,
  alpha: 16,
  classifierEpochs: STAGE_DEFAULTS.classifier.epochs,
  classifierLr: STAGE_DEFAULTS.classifier.learningRate,
  epochs: STAGE_DEFAULTS.adapter.epochs,
  lr: 3e-3,
  batchSize: STAGE_DEFAULTS.adapter.batchSize,
  weightDecay: STAGE_DEFAULTS.adapter.weightDecay,
  warmup: STAGE_DEFAULTS.adapter.warmupRatio,
  schedule: STAGE_DEFAULTS.adapter.schedule,
};

/**
 * What each method starts from: as many epochs for all that leave the base as it is. Learning rates are those that its
 * authors, or `sweeps/README.md`, found for small encoders.
 */
const OWN: Readonly<Record<Method, Partial<MethodSettings>>> = {
  classifier: { stages: 2 },
  full: { lr: 3e-4, epochs: 3 },
  hadamard: { stages: 2, lr: STAGE_DEFAULTS.adapter.learningRate },
  layernorm: {},
  bitfit: {},
  ia3: { lr: 8e-3 },
  red: {},
  lora: { lr: 1e-3 },
};

/** The settings of a method, with defaults for what is not given. */
export const settingsOf = (given: Partial<MethodSettings> & Pick<MethodSettings, 'method'>): MethodSettings => ({
  ...COMMON,
  ...OWN[given.method],
  ...given,
});

/** How a base model is loaded for a method. */
export function sessionOf({
  method,
  site,
  norm,
  layers,
  parts,
  pooling,
  head,
  dropout,
  rank,
  alpha,
}: MethodSettings): Omit<SessionOptions, 'numLabels'> {
  const common = { pooling, head, dropout, ...(layers === undefined ? {} : { layers }) };
  switch (method) {
    case 'classifier':
      return { ...common, site: 'none', norm: 'none' };
    case 'full':
      return { ...common, site: 'none', norm: 'none', trainBase: true };
    case 'hadamard':
      return { ...common, site, norm, parts };
    case 'layernorm':
      return { ...common, site: 'none', norm: 'both' };
    case 'bitfit':
      return { ...common, site: 'none', norm: 'none', trainBase: 'bias' };
    case 'ia3':
    case 'red':
      return { ...common, site: 'none', norm: 'none', baseline: { kind: method } };
    case 'lora':
      return { ...common, site: 'none', norm: 'none', baseline: { kind: 'lora', rank, alpha } };
  }
}

/** What a method trains besides the classifier. */
const GROUPS: Readonly<Record<Method, readonly Group[]>> = {
  classifier: [],
  full: ['base'],
  hadamard: ['adapter', 'norm'],
  layernorm: ['norm'],
  bitfit: ['base'],
  ia3: ['adapter'],
  red: ['adapter'],
  lora: ['adapter'],
};

/**
 * The stages of a method. Groups that a model does not have are passed over when it is trained.
 *
 * @throws ConfigError PLAN.
 */
export function planOf(settings: MethodSettings, seed: number): Plan {
  const {
    method,
    stages,
    freezeClassifier,
    classifierEpochs,
    classifierLr,
    epochs,
    lr,
    batchSize,
    weightDecay,
    warmup,
    schedule,
    patience,
    maxGradNorm,
  } = settings;
  const common: StageOptions = {
    batchSize,
    weightDecay,
    warmupRatio: warmup,
    schedule,
    ...(patience === undefined ? {} : { patience }),
    ...(maxGradNorm === undefined ? {} : { maxGradientNorm: maxGradNorm }),
  };
  const { stages: both } = twoStage({
    classifier: { ...common, epochs: classifierEpochs, learningRate: classifierLr },
    adapter: { ...common, epochs, learningRate: lr },
    seed,
  });
  const [first, second] = [elementAt(both, 0), elementAt(both, 1)];
  if (method === 'classifier') return checkPlan({ stages: [first], seed });
  const trained = GROUPS[method];
  if (stages === 1)
    return checkPlan({ stages: [{ ...second, name: method, groups: ['classifier', ...trained] }], seed });
  return checkPlan({
    stages: [first, { ...second, groups: [...(freezeClassifier ? [] : (['classifier'] as const)), ...trained] }],
    seed,
  });
}

/** @throws ConfigError METHOD_UNKNOWN. */
export function methodNamed(name: string): Method {
  const found = METHODS.find((method) => method === name);
  if (found !== undefined) return found;
  throw new ConfigError('There is no such method', {
    code: 'METHOD_UNKNOWN',
    found: name,
    expected: METHODS.join(', '),
  });
}
