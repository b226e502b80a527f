import { largestDifference, within } from '../compare.js';
import type { Fixture } from '../fixture.js';
import type { Bench, Case } from './case.js';
import { writeGolden } from './parameters.js';

type Setup = Omit<Case, 'key' | 'run'>;

/** Hidden states, logits, loss and what the adapters are applied to, against the float64 values. */
export function forwardCases(setup: Setup, variant: string): Case[] {
  const { fixture } = setup;
  const place = `${setup.family}/${setup.variant}/${variant}`;
  return Object.keys(fixture.golden.shapes).flatMap((shape): Case[] => {
    const golden = (what: string): string => `${variant}.${shape}.${what}`;
    const cases: (Case | undefined)[] = [
      made(fixture, golden('last_hidden_state'), {
        ...setup,
        key: `hidden/${place}/${shape}`,
        run: (bench) => hidden(bench, setup, variant, shape),
      }),
      made(fixture, golden('logits'), {
        ...setup,
        key: `logits/${place}/${shape}`,
        run: (bench) => logits(bench, setup, variant, shape),
      }),
      ...(fixture.golden.variants[variant]?.adapters ?? []).map(({ key }) =>
        made(fixture, golden(`site_input.${key}`), {
          ...setup,
          key: `site-input/${place}/${shape}/${key}`,
          run: (bench) => siteInput(bench, setup, variant, shape, key),
        }),
      ),
    ];
    return cases.filter((each) => each !== undefined);
  });
}

/** The case, if the golden tensor that it needs is recorded. */
export function made(fixture: Fixture, golden: string, one: Case): Case | undefined {
  return fixture.has(golden) ? one : undefined;
}

async function prepared(
  { fixture }: Setup,
  bench: Bench,
  variant: string,
): Promise<Awaited<ReturnType<Bench['shared']>>> {
  const model = await bench.shared();
  await writeGolden(model, fixture, variant, await bench.initial());
  return model;
}

async function hidden(bench: Bench, setup: Setup, variant: string, shape: string): Promise<{ hidden: number }> {
  const model = await prepared(setup, bench, variant);
  const batch = setup.fixture.batch(shape);
  const expected = setup.fixture.exact(`${variant}.${shape}.last_hidden_state`);
  const width = expected.length / batch.inputIds.length;
  // What stands at padding differs between exporters and reaches nothing.
  const atToken = (i: number): boolean => batch.attentionMask[Math.floor(i / width)] === 1;
  const error = largestDifference(await model.encode(batch), expected, 'hidden states', atToken);
  return { hidden: within(error, bench.tolerances.hidden, 'hidden states') };
}

async function logits(bench: Bench, setup: Setup, variant: string, shape: string): Promise<{ logits: number }> {
  const model = await prepared(setup, bench, variant);
  const error = largestDifference(
    await model.predict(setup.fixture.batch(shape)),
    setup.fixture.exact(`${variant}.${shape}.logits`),
    'logits',
  );
  return { logits: within(error, bench.tolerances.logits, 'logits') };
}

async function siteInput(
  bench: Bench,
  setup: Setup,
  variant: string,
  shape: string,
  key: string,
): Promise<{ hidden: number }> {
  const model = await prepared(setup, bench, variant);
  const batch = setup.fixture.batch(shape);
  const expected = setup.fixture.exact(`${variant}.${shape}.site_input.${key}`);
  const width = expected.length / batch.inputIds.length;
  const found = await model.siteInput(batch, key);
  const error = largestDifference(
    found,
    expected,
    `input of ${key}`,
    (i) => batch.attentionMask[Math.floor(i / width)] === 1,
  );
  return { hidden: within(error, bench.tolerances.hidden, `input of ${key}`) };
}
