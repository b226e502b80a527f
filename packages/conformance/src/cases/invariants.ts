import { HadamardError } from '@hadamard-adapter/core';
import { elementAt } from '@hadamard-adapter/core/internal';
import { fail, largestDifference, within } from '../compare.js';
import type { Case, Errors } from './case.js';
import { writeGolden } from './parameters.js';

type Setup = Omit<Case, 'key' | 'run'>;

/** What must hold of any adapter, whatever its numbers: identity, folding, saving, refusing, repeating, ending. */
export function invariantCases(setup: Setup, variant: string): Case[] {
  const place = `${setup.family}/${setup.variant}/${variant}`;
  const shapes = Object.keys(setup.fixture.golden.shapes);
  const [shape] = shapes;
  if (shape === undefined) return [];
  const named = (kind: string, run: Case['run']): Case => ({ ...setup, key: `${kind}/${place}`, run });
  return [
    named('identity', (bench) => identity(bench, setup, variant, shapes)),
    named('fold/equals-unfolded', (bench) => fold(bench, setup, variant, shapes)),
    named('reload/same-logits', (bench) => reload(bench, setup, variant, shape)),
    named('reload/refuses-other-site', (bench) => refusesOtherSite(bench, setup)),
    named('step/deterministic', (bench) => deterministic(bench, setup, variant, shape)),
    named('dispose/refuses-use', (bench) => refusesUse(bench, setup, shape)),
  ];
}

type Bench = Parameters<Case['run']>[0];

async function identity(bench: Bench, { fixture }: Setup, variant: string, shapes: readonly string[]): Promise<Errors> {
  const adapted = await bench.shared();
  await writeGolden(adapted, fixture, variant, await bench.initial(), { identity: true });
  const plain = await bench.fresh({ site: 'none', norm: 'none', trainBase: false });
  await writeGolden(plain, fixture, variant, await plain.read());
  let worst = 0;
  for (const shape of shapes) {
    const batch = fixture.batch(shape);
    worst = Math.max(worst, largestDifference(await adapted.predict(batch), await plain.predict(batch), 'logits'));
  }
  return { identity: within(worst, bench.tolerances.identity, 'logits with an identity adapter') };
}

async function fold(bench: Bench, { fixture }: Setup, variant: string, shapes: readonly string[]): Promise<Errors> {
  const model = await bench.shared();
  await writeGolden(model, fixture, variant, await bench.initial());
  const folded = await model.foldAndReload();
  try {
    let worst = 0;
    for (const shape of shapes) {
      const batch = fixture.batch(shape);
      worst = Math.max(worst, largestDifference(await folded.predict(batch), await model.predict(batch), 'logits'));
    }
    return { fold: within(worst, bench.tolerances.fold, 'folded logits') };
  } finally {
    await folded.dispose();
  }
}

async function reload(bench: Bench, { fixture }: Setup, variant: string, shape: string): Promise<Errors> {
  const model = await bench.shared();
  await writeGolden(model, fixture, variant, await bench.initial());
  const other = await bench.fresh();
  const batch = fixture.batch(shape);
  const before = await model.predict(batch);
  if (largestDifference(await other.predict(batch), before, 'logits') === 0)
    fail('the fresh model already gives the logits of the trained one: nothing can be seen');
  await other.restore(await model.save());
  const difference = largestDifference(await other.predict(batch), before, 'logits');
  if (difference !== 0)
    fail(`logits of the reloaded adapter differ by ${difference.toExponential(2)}, not one bit is allowed`);
  return {};
}

async function refusesOtherSite(bench: Bench, { options }: Setup): Promise<Errors> {
  const model = await bench.shared();
  const other = await bench.fresh({ site: options.site === 'context' ? 'output' : 'context' });
  const before = await other.read();
  await expectCode('ADAPTER_SITE_MISMATCH', async () => other.restore(await model.save()));
  if (largestDifference(await other.read(), before, 'parameters') !== 0) fail('a refused adapter changed parameters');
  return {};
}

async function deterministic(bench: Bench, { fixture }: Setup, variant: string, shape: string): Promise<Errors> {
  const batch = fixture.batch(shape, fixture.golden.variants[variant]?.labels ?? 'labels');
  const results: Float32Array[] = [];
  for (let run = 0; run < 2; run++) {
    const model = await bench.fresh();
    await writeGolden(model, fixture, variant, await model.read());
    for (let step = 0; step < 3; step++) await model.step([batch], { groups: ['adapter', 'norm'], learningRate: 1e-2 });
    results.push(await model.read());
  }
  const difference = largestDifference(elementAt(results, 0), elementAt(results, 1), 'parameters');
  if (difference !== 0) fail(`two equal runs differ by ${difference.toExponential(2)}`);
  return {};
}

async function refusesUse(bench: Bench, { fixture }: Setup, shape: string): Promise<Errors> {
  const model = await bench.fresh();
  await model.dispose();
  await expectCode('MODEL_DISPOSED', () => model.predict(fixture.batch(shape)));
  await expectCode('MODEL_DISPOSED', () => model.read());
  return {};
}

async function expectCode(code: string, action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (error instanceof HadamardError && error.code === code) return;
    fail(`expected an error ${code}, got ${error instanceof HadamardError ? error.code : String(error)}`);
  }
  fail(`expected an error ${code}, got none`);
}
