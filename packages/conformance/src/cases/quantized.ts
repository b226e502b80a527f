import { layout } from '@hadamard-adapter/core';
import { elementAt, present } from '@hadamard-adapter/core/internal';
import { fail, largestDifference, within } from '../compare.js';
import type { Fixture } from '../fixture.js';
import { INT8_BOUNDS } from '../precision.js';
import type { Bench, Case, Errors } from './case.js';
import { made } from './forward.js';
import { asInCheckpoint, parameterOf, writeGolden } from './parameters.js';

type Setup = Omit<Case, 'key' | 'run'>;

/**
 * What can be asked of a dynamically quantized file: without adapters the hidden states that ONNX Runtime recorded for
 * the same file; with adapters those of the float32 model, as near as int8 comes; and a gradient that points where the
 * float32 gradient points.
 */
export function quantizedCases(setup: Setup, variant: string): Case[] {
  const { fixture } = setup;
  const place = `${setup.family}/${setup.variant}/${variant}`;
  return Object.keys(fixture.golden.shapes).flatMap((shape) => {
    const recorded = `${shape}.ort.int8.last_hidden_state`;
    const ofFile = setup.options.site === 'none';
    const cases = [
      ofFile
        ? made(fixture, recorded, {
            ...setup,
            key: `hidden/${place}/${shape}`,
            run: (bench) =>
              hidden(bench, setup, variant, shape, {
                golden: recorded,
                mean: INT8_BOUNDS.recordedMean,
                most: bench.tolerances.hidden,
              }),
          })
        : made(fixture, `${variant}.${shape}.last_hidden_state`, {
            ...setup,
            key: `hidden/${place}/${shape}`,
            run: (bench) =>
              hidden(bench, setup, variant, shape, {
                golden: `${variant}.${shape}.last_hidden_state`,
                mean: INT8_BOUNDS.floatMean,
                most: Number.POSITIVE_INFINITY,
              }),
          }),
      fixture.names(`${variant}.${shape}.grad.`).length === 0
        ? undefined
        : {
            ...setup,
            key: `gradient/${place}/${shape}`,
            run: (bench: Bench) => direction(bench, setup, variant, shape),
          },
    ];
    return cases.filter((each) => each !== undefined);
  });
}

interface Comparison {
  readonly golden: string;
  readonly mean: number;
  readonly most: number;
}

async function hidden(
  bench: Bench,
  { fixture }: Setup,
  variant: string,
  shape: string,
  { golden, mean, most }: Comparison,
): Promise<Errors> {
  const model = await bench.shared();
  await writeGolden(model, fixture, variant, await bench.initial());
  const batch = fixture.batch(shape);
  const [found, expected] = [await model.encode(batch), fixture.exact(golden)];
  const width = expected.length / batch.inputIds.length;
  const atToken = (i: number): boolean => batch.attentionMask[Math.floor(i / width)] === 1;
  const worst = largestDifference(found, expected, 'hidden states', atToken);
  const differences = Array.from(found, (value, i) => Math.abs(value - elementAt(expected, i))).filter((_, i) =>
    atToken(i),
  );
  within(differences.reduce((sum, value) => sum + value, 0) / differences.length, mean, 'hidden states, in the mean');
  return { hidden: within(worst, most, 'hidden states') };
}

/** 1 − cosine of the angle between the gradient of everything trained and the float32 model's. */
async function direction(bench: Bench, { fixture }: Setup, variant: string, shape: string): Promise<Errors> {
  const model = await bench.shared();
  await writeGolden(model, fixture, variant, await bench.initial());
  const groups = [...new Set(model.parameters.map(({ group }) => group))];
  const { gradients } = await model.gradients(fixture.batch(shape, labelsOf(fixture, variant)), groups);
  const named = layout(model.parameters).named(gradients, groups);
  let [dot, ours, theirs] = [0, 0, 0];
  for (const golden of fixture.names(`${variant}.${shape}.grad.`)) {
    const parameter = parameterOf(model.parameters, golden);
    if (parameter === undefined) continue;
    const found = asInCheckpoint(present(named.get(parameter.name)), parameter);
    const expected = fixture.exact(`${variant}.${shape}.grad.${golden}`);
    if (found.length !== expected.length)
      fail(`gradient of ${golden}: ${found.length} numbers instead of ${expected.length}`);
    expected.forEach((value, i) => {
      const own = elementAt(found, i);
      dot += value * own;
      ours += own * own;
      theirs += value * value;
    });
  }
  if (theirs === 0) fail('no recorded gradient belongs to a parameter of the model');
  const cosine = dot / Math.sqrt(ours * theirs);
  return {
    direction: within(
      Number.isNaN(cosine) ? Number.POSITIVE_INFINITY : 1 - cosine,
      INT8_BOUNDS.direction,
      'direction of the gradient',
    ),
  };
}

const labelsOf = (fixture: Fixture, variant: string): string => fixture.golden.variants[variant]?.labels ?? 'labels';
