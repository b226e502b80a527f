import { learningRateAt, referenceLoss, targetMatrix, type RowLoss } from '@hadamard-adapter/core';
import { elementAt, messageOf, present } from '@hadamard-adapter/core/internal';
import type { Errors } from './cases/case.js';
import { keyPattern } from './collect.js';
import { largestDifference, within } from './compare.js';
import { lossOf, poolingOf, type Fixture } from './fixture.js';
import { emptyTally, tallied, type SuiteReport } from './report.js';
import type { SuiteOptions } from './suite.js';

/**
 * Recorded in float64 and computed in float64: what is left is the order of some hundred additions, and float32 where
 * only that was recorded.
 */
const TOLERANCE = 1e-6;

interface CoreCase {
  readonly key: string;
  readonly family: string;
  run(): Errors;
}

/**
 * Core's own reference math against the golden values, without any model or runtime: from recorded hidden states to
 * logits, loss and the gradient of the classifier, and the learning rates of the two-stage schedule.
 */
export function runCoreSuite(
  fixtures: readonly Fixture[],
  { families, key, onCase }: Pick<SuiteOptions, 'families' | 'key' | 'onCase'> = {},
): SuiteReport {
  const started = performance.now();
  const pattern = key === undefined ? undefined : keyPattern(key);
  const chosen = fixtures.filter(({ family }) => families === undefined || families.includes(family));
  const tally = emptyTally();
  for (const one of chosen.flatMap(coreCases)) {
    if (pattern !== undefined && !pattern.test(one.key)) continue;
    const outcome = tallied(tally, one, attempt(one));
    onCase?.(outcome);
  }
  return { runtime: 'core', device: 'cpu', ...tally, notCovered: [], seconds: (performance.now() - started) / 1000 };
}

function attempt(one: CoreCase): Errors | string {
  try {
    return one.run();
  } catch (error) {
    return messageOf(error);
  }
}

function coreCases(fixture: Fixture): CoreCase[] {
  const { family, golden } = fixture;
  const cases: CoreCase[] = [];
  for (const [variant, { num_labels: numLabels, loss, labels }] of Object.entries(golden.variants)) {
    for (const shape of Object.keys(golden.shapes)) {
      const of = (what: string): string => `${variant}.${shape}.${what}`;
      const place = `${family}/${variant}/${shape}`;
      if (fixture.has(of('logits')) && fixture.has(of('loss'))) {
        cases.push({
          key: `core/loss/${place}`,
          family,
          run: () => lossCase(fixture, of, { loss: lossOf(loss), numLabels, targets: `${shape}.${labels}` }),
        });
      }
      if (
        poolingOf(golden) !== undefined &&
        fixture.has(of('last_hidden_state')) &&
        fixture.has(of('grad.head.weight'))
      ) {
        cases.push({
          key: `core/classifier/${place}`,
          family,
          run: () =>
            classifierCase(fixture, of, {
              loss: lossOf(loss),
              numLabels,
              targets: `${shape}.${labels}`,
              variant,
              shape,
            }),
        });
      }
    }
  }
  if (golden.trajectory != null && fixture.has('traj.stage1.lr'))
    cases.push({ key: `core/schedule/${family}`, family, run: () => scheduleCase(fixture) });
  return cases;
}

interface Head {
  readonly loss: RowLoss;
  readonly numLabels: number;
  /** Name of the golden labels. */
  readonly targets: string;
}

type Of = (what: string) => string;

function targetsOf(fixture: Fixture, { loss, numLabels, targets }: Head): Float32Array {
  const labels = Float32Array.from(fixture.exact(targets));
  return targetMatrix(labels, loss, numLabels, {
    batch: loss === 'cross-entropy' ? labels.length : labels.length / numLabels,
    sequence: 1,
  });
}

function lossCase(fixture: Fixture, of: Of, head: Head): Errors {
  const { loss } = referenceLoss(head.loss, fixture.exact(of('logits')), targetsOf(fixture, head), head.numLabels);
  return { loss: within(largestDifference([loss], fixture.exact(of('loss')), 'loss'), TOLERANCE, 'loss') };
}

function classifierCase(
  fixture: Fixture,
  of: Of,
  head: Head & { readonly variant: string; readonly shape: string },
): Errors {
  const { variant, shape, numLabels } = head;
  const pooled = pool(fixture, of('last_hidden_state'), shape);
  const [weight, bias] = [fixture.exact(`${variant}.head.weight`), fixture.exact(`${variant}.head.bias`)];
  const width = weight.length / numLabels;
  const rows = pooled.length / width;
  const logits = new Float64Array(rows * numLabels);
  for (let row = 0; row < rows; row++) {
    for (let label = 0; label < numLabels; label++) {
      let sum = elementAt(bias, label);
      for (let i = 0; i < width; i++) sum += elementAt(pooled, row * width + i) * elementAt(weight, label * width + i);
      logits[row * numLabels + label] = sum;
    }
  }
  const logitsError = within(largestDifference(logits, fixture.exact(of('logits')), 'logits'), TOLERANCE, 'logits');

  const { gradient } = referenceLoss(head.loss, logits, targetsOf(fixture, head), numLabels);
  const [weightGradient, biasGradient] = [new Float64Array(weight.length), new Float64Array(numLabels)];
  gradient.forEach((slope, at) => {
    const [row, label] = [Math.floor(at / numLabels), at % numLabels];
    biasGradient[label] = elementAt(biasGradient, label) + slope;
    for (let i = 0; i < width; i++)
      weightGradient[label * width + i] =
        elementAt(weightGradient, label * width + i) + slope * elementAt(pooled, row * width + i);
  });
  const errors = [
    largestDifference(weightGradient, fixture.exact(of('grad.head.weight')), 'gradient of the classifier weight'),
    largestDifference(biasGradient, fixture.exact(of('grad.head.bias')), 'gradient of the classifier bias'),
  ];
  return { logits: logitsError, gradient: within(Math.max(...errors), TOLERANCE, 'gradient of the classifier') };
}

/** Recorded hidden states as one vector per row: the first position, the last token, or the mean over tokens. */
function pool(fixture: Fixture, hidden: string, shape: string): Float64Array {
  const states = fixture.exact(hidden);
  const { batch, sequence, attentionMask } = fixture.batch(shape);
  const width = states.length / (batch * sequence);
  const pooled = new Float64Array(batch * width);
  for (let row = 0; row < batch; row++) {
    const mask = attentionMask.subarray(row * sequence, (row + 1) * sequence);
    const kind = poolingOf(fixture.golden);
    const only = kind === 'first' ? 0 : mask.lastIndexOf(1);
    const weights = kind === 'mean' ? mask : mask.map((_, position) => Number(position === only));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    weights.forEach((weight, position) => {
      for (let i = 0; i < width; i++)
        pooled[row * width + i] =
          elementAt(pooled, row * width + i) +
          (weight * elementAt(states, (row * sequence + position) * width + i)) / total;
    });
  }
  return pooled;
}

function scheduleCase(fixture: Fixture): Errors {
  const { stage1, stage2 } = present(fixture.golden.trajectory);
  const stages = [
    {
      name: 'stage1',
      steps: stage1.steps,
      schedule: { learningRate: stage1.lr, schedule: 'constant', warmupSteps: 0 },
    },
    { name: 'stage2', steps: stage2.steps, schedule: { learningRate: stage2.lr, schedule: 'linear', warmupSteps: 1 } },
  ] as const;
  for (const { name, steps, schedule } of stages) {
    const rates = Array.from({ length: steps }, (_, step) => learningRateAt(schedule, step, steps));
    within(
      largestDifference(rates, fixture.exact(`traj.${name}.lr`), 'learning rates'),
      1e-9,
      `learning rates of ${name}`,
    );
  }
  return {};
}
