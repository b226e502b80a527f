import * as v from 'valibot';
import { ConfigError } from '../errors.js';
import { GROUPS, type Group } from '../model/model.js';
import { validate } from '../files/validate.js';

/** One stage of training: what is trained, and how. */
export interface Stage {
  readonly name: string;
  readonly groups: readonly Group[];
  readonly epochs: number;
  /** The highest learning rate of the stage. */
  readonly learningRate: number;
  /** After warm-up: `constant`, or `linear` down to 0 at the end of the stage. */
  readonly schedule: 'constant' | 'linear';
  /** Steps over which the learning rate rises linearly from 0. At most one of this and `warmupRatio`. */
  readonly warmupSteps?: number;
  /** The same as a part of all steps of the stage, rounded up. */
  readonly warmupRatio?: number;
  readonly weightDecay: number;
  readonly betas: readonly [number, number];
  readonly epsilon: number;
  /** Rows per forward pass. */
  readonly batchSize: number;
  /** Batches per step; their gradients are averaged weighted by rows. */
  readonly accumulate: number;
  readonly maxGradientNorm?: number;
  /** End the stage after this many epochs in a row without a better score on the dev split. */
  readonly patience?: number;
}

/** All of a training run that is not data or model. Plain JSON. */
export interface Plan {
  readonly stages: readonly Stage[];
  /** 0 … 2³² − 1. */
  readonly seed: number;
}

const integer = (least: number, most: number) =>
  v.pipe(
    v.number(),
    v.integer(`an integer from ${least} to ${most}`),
    v.minValue(least, `at least ${least}`),
    v.maxValue(most, `at most ${most}`),
  );
const finite = (least: number) =>
  v.pipe(v.number(), v.finite('a finite number'), v.minValue(least, `at least ${least}`));
const positive = v.pipe(v.number(), v.finite('a finite number'), v.gtValue(0, 'more than 0'));
const decayRate = v.pipe(v.number(), v.minValue(0, 'at least 0'), v.ltValue(1, 'less than 1'));

const stageSchema = v.pipe(
  v.strictObject({
    name: v.pipe(v.string(), v.regex(/^[\w.-]{1,64}$/, 'letters, digits, ".", "-" and "_"')),
    groups: v.pipe(
      v.array(v.picklist(GROUPS)),
      v.minLength(1, 'at least one group'),
      v.check((groups) => new Set(groups).size === groups.length, 'each group once'),
    ),
    epochs: integer(1, 10_000),
    learningRate: positive,
    schedule: v.picklist(['constant', 'linear']),
    warmupSteps: v.exactOptional(integer(0, 1e9)),
    warmupRatio: v.exactOptional(v.pipe(v.number(), v.minValue(0, 'at least 0'), v.maxValue(1, 'at most 1'))),
    weightDecay: finite(0),
    betas: v.strictTuple([decayRate, decayRate]),
    epsilon: positive,
    batchSize: integer(1, 65_536),
    accumulate: integer(1, 65_536),
    maxGradientNorm: v.exactOptional(positive),
    patience: v.exactOptional(integer(1, 10_000)),
  }),
  v.check(
    ({ warmupSteps, warmupRatio }) => warmupSteps === undefined || warmupRatio === undefined,
    'warmupSteps or warmupRatio, not both',
  ),
);

/** Also used for plans inside a checkpoint. */
export const planSchema = v.strictObject({
  stages: v.pipe(
    v.array(stageSchema),
    v.minLength(1, 'at least one stage'),
    v.maxLength(100, 'at most 100 stages'),
    v.check((stages) => new Set(stages.map(({ name }) => name)).size === stages.length, 'stages of different names'),
  ),
  seed: integer(0, 0xffffffff),
});

/**
 * Check a plan, for instance one read from a file.
 *
 * @throws ConfigError PLAN naming the first field that is wrong.
 */
export function checkPlan(plan: unknown): Plan {
  return validate(planSchema, plan, { what: 'The training plan', code: 'PLAN', error: ConfigError });
}

/** What can be set about a stage of `twoStage`. */
export type StageOptions = Partial<Omit<Stage, 'name' | 'groups'>>;

export interface TwoStageOptions {
  readonly classifier?: StageOptions;
  readonly adapter?: StageOptions;
  /** Keep the classifier of stage one as it is during stage two, as the paper does. Default true. */
  readonly freezeClassifier?: boolean;
  /** Default 0. */
  readonly seed?: number;
}

const COMMON = {
  warmupRatio: 0.06,
  schedule: 'linear',
  weightDecay: 0,
  betas: [0.9, 0.999],
  epsilon: 1e-8,
  batchSize: 32,
  accumulate: 1,
} as const;

/** The two stages where nothing else is said: epochs and rates are those that `sweeps/README.md` found best. */
export const STAGE_DEFAULTS = {
  classifier: { ...COMMON, epochs: 5, learningRate: 5e-3 },
  adapter: { ...COMMON, epochs: 10, learningRate: 1e-2 },
} as const satisfies Readonly<Record<string, StageOptions>>;

/**
 * The paper's schedule (section 3.3): stage `classifier` trains the classifier alone on the frozen model; stage
 * `adapter` trains adapters and norms, with the classifier of stage one loaded and frozen. Stage two starts from the
 * best epoch of stage one and with fresh optimizer state. What is not given is as in `STAGE_DEFAULTS`.
 *
 * @throws ConfigError PLAN.
 */
export function twoStage({
  classifier = {},
  adapter = {},
  freezeClassifier = true,
  seed = 0,
}: TwoStageOptions = {}): Plan {
  return checkPlan({
    stages: [
      {
        name: 'classifier',
        groups: ['classifier'],
        ...withDefaults('classifier', classifier),
      },
      {
        name: 'adapter',
        groups: [...(freezeClassifier ? [] : ['classifier']), 'adapter', 'norm'],
        ...withDefaults('adapter', adapter),
      },
    ],
    seed,
  });
}

/** Of `warmupSteps` and `warmupRatio` a stage has at most one. */
function withDefaults(stage: keyof typeof STAGE_DEFAULTS, options: StageOptions): StageOptions {
  const { warmupRatio, ...defaults } = STAGE_DEFAULTS[stage];
  const isGiven = options.warmupSteps !== undefined || options.warmupRatio !== undefined;
  return { ...defaults, ...(isGiven ? {} : { warmupRatio }), ...options };
}

/** Steps of a stage over which the learning rate rises. */
export function warmupStepsOf(
  { warmupSteps, warmupRatio = 0 }: Pick<Stage, 'warmupSteps' | 'warmupRatio'>,
  totalSteps: number,
): number {
  return warmupSteps ?? Math.ceil(warmupRatio * totalSteps);
}

/**
 * Learning rate of a step, as Hugging Face `get_linear_schedule_with_warmup` and `get_constant_schedule_with_warmup`:
 * factor step / warmup during warm-up, so the first step of a warmed-up stage has factor 0; then 1, or (total − step) /
 * (total − warmup).
 *
 * @param step counted from 0.
 */
export function learningRateAt(
  stage: Pick<Stage, 'learningRate' | 'schedule' | 'warmupSteps' | 'warmupRatio'>,
  step: number,
  totalSteps: number,
): number {
  const warmup = warmupStepsOf(stage, totalSteps);
  if (step < warmup) return stage.learningRate * (step / Math.max(1, warmup));
  if (stage.schedule === 'constant') return stage.learningRate;
  return stage.learningRate * Math.max(0, (totalSteps - step) / Math.max(1, totalSteps - warmup));
}
