import { layout } from '@hadamard-adapter/core';
import { present } from '@hadamard-adapter/core/internal';
import { fail, largest, largestDifference, within } from '../compare.js';
import type { Case, Errors } from './case.js';
import { made } from './forward.js';
import { asInCheckpoint, parameterOf, writeGolden } from './parameters.js';

/** Loss and every recorded gradient against the float64 values. */
export function gradientCases(setup: Omit<Case, 'key' | 'run'>, variant: string): Case[] {
  const { fixture } = setup;
  return Object.keys(fixture.golden.shapes).flatMap((shape) => {
    const one: Case = {
      ...setup,
      key: `gradient/${setup.family}/${setup.variant}/${variant}/${shape}`,
      run: (bench) => run(bench, one, variant, shape),
    };
    const recorded = fixture.names(`${variant}.${shape}.grad.`).length > 0;
    const found = recorded ? made(fixture, `${variant}.${shape}.loss`, one) : undefined;
    return found === undefined ? [] : [found];
  });
}

async function run(
  bench: Parameters<Case['run']>[0],
  { fixture, options, variant: variantFile }: Case,
  variant: string,
  shape: string,
): Promise<Errors> {
  const model = await bench.shared();
  await writeGolden(model, fixture, variant, await bench.initial());
  const groups = [...new Set(model.parameters.map(({ group }) => group))];
  const labels = fixture.golden.variants[variant]?.labels ?? 'labels';
  const { loss, gradients } = await model.gradients(fixture.batch(shape, labels), groups);
  const expectedLoss = fixture.exact(`${variant}.${shape}.loss`);
  // A squared error can be large, and float32 keeps seven digits of it.
  const lossError = within(
    largestDifference([loss], expectedLoss, 'loss'),
    bench.tolerances.hidden * Math.max(1, largest(expectedLoss)),
    'loss',
  );
  const named = layout(model.parameters).named(gradients, groups);

  let worst = 0;
  let compared = 0;
  const prefix = `${variant}.${shape}.grad.`;
  for (const golden of fixture.names(prefix)) {
    const parameter = parameterOf(model.parameters, golden);
    if (parameter === undefined) {
      if (isExpected(golden, fixture.golden, options, variantFile))
        fail(`no parameter for the recorded gradient ${golden}`);
      continue;
    }
    const expected = fixture.exact(`${prefix}${golden}`);
    const found = asInCheckpoint(present(named.get(parameter.name)), parameter);
    // Float32 keeps seven digits of the largest entry of a tensor: above 1 the bound grows with it.
    const scale = Math.max(1, largest(expected));
    worst = Math.max(
      worst,
      within(largestDifference(found, expected, golden), bench.tolerances.gradient * scale, `gradient of ${golden}`),
    );
    compared++;
  }
  if (compared === 0) fail('no recorded gradient belongs to a parameter of the model');
  return { loss: lossError, gradient: worst };
}

/**
 * Norms behind the cross-attentions of a decoder, as Hugging Face calls them: recorded always, trained only with
 * adapters there.
 */
const OF_CROSS_ATTENTION = /encoder_attn|crossattention/;

/**
 * ONNX Runtime's optimizer packs these three into one tensor under a name of its own: their gradients cannot be told by
 * name.
 */
const PACKED_BY_OPTIMIZER = /\.self\.(query|key|value)\.(weight|bias)$/;

/** Adapters, head and the norms beside them must be there; other base weights only if they are trained. */
function isExpected(
  golden: string,
  { attention_output_norms: first, ffn_output_norms: second }: Case['fixture']['golden'],
  { trainBase, crossAttention }: Case['options'],
  file: string,
): boolean {
  if (golden.startsWith('head.') || golden.startsWith('adapter.')) return true;
  if (!crossAttention && OF_CROSS_ATTENTION.test(golden)) return trainBase;
  if (file === 'model.optimized.onnx' && PACKED_BY_OPTIMIZER.test(golden)) return false;
  return trainBase || [...first, ...second].some((norm) => golden.startsWith(`${norm}.`));
}
