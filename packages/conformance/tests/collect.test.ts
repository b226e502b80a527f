import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_VARIANTS, collectCases, keyPattern, runSuite, type Filter, type Fixture } from '../src/index.js';
import { packagedFixtures, readFixtures } from '../src/node.js';
import { edited, without, type Edits } from './support/fixtures.js';
import { referenceDriver } from './support/reference-driver.js';

let fixtures: Fixture[] = [];
beforeAll(async () => {
  fixtures = await readFixtures(packagedFixtures);
});

const keysOf = (of: readonly Fixture[], filter?: Filter): string[] =>
  collectCases(of, filter).cases.map(({ key }) => key);

/** Every key of one family and one model file, in the order in which they are run. */
const ELECTRA = `
hidden/electra/model.onnx/none/b4s12
logits/electra/model.onnx/none/b4s12
hidden/electra/model.onnx/none/b2s7
logits/electra/model.onnx/none/b2s7
gradient/electra/model.onnx/none/b4s12
gradient/electra/model.onnx/none/b2s7
hidden/electra/model.onnx/context/b4s12
logits/electra/model.onnx/context/b4s12
site-input/electra/model.onnx/context/b4s12/layer.0
site-input/electra/model.onnx/context/b4s12/layer.1
site-input/electra/model.onnx/context/b4s12/layer.2
hidden/electra/model.onnx/context/b2s7
logits/electra/model.onnx/context/b2s7
site-input/electra/model.onnx/context/b2s7/layer.0
site-input/electra/model.onnx/context/b2s7/layer.1
site-input/electra/model.onnx/context/b2s7/layer.2
gradient/electra/model.onnx/context/b4s12
gradient/electra/model.onnx/context/b2s7
identity/electra/model.onnx/context
fold/equals-unfolded/electra/model.onnx/context
reload/same-logits/electra/model.onnx/context
reload/refuses-other-site/electra/model.onnx/context
step/deterministic/electra/model.onnx/context
dispose/refuses-use/electra/model.onnx/context
hidden/electra/model.onnx/output/b4s12
logits/electra/model.onnx/output/b4s12
site-input/electra/model.onnx/output/b4s12/layer.0
site-input/electra/model.onnx/output/b4s12/layer.1
site-input/electra/model.onnx/output/b4s12/layer.2
hidden/electra/model.onnx/output/b2s7
logits/electra/model.onnx/output/b2s7
site-input/electra/model.onnx/output/b2s7/layer.0
site-input/electra/model.onnx/output/b2s7/layer.1
site-input/electra/model.onnx/output/b2s7/layer.2
gradient/electra/model.onnx/output/b4s12
gradient/electra/model.onnx/output/b2s7
identity/electra/model.onnx/output
fold/equals-unfolded/electra/model.onnx/output
reload/same-logits/electra/model.onnx/output
reload/refuses-other-site/electra/model.onnx/output
step/deterministic/electra/model.onnx/output
dispose/refuses-use/electra/model.onnx/output
`
  .trim()
  .split('\n');

describe('case keys', () => {
  it('are stable: gaps and reports of other projects name them', () => {
    expect(keysOf(fixtures, { families: ['electra'], variants: ['model.onnx'] })).toEqual(ELECTRA);
  });

  it('are the same for another family but for its name, and the recorded run where there is one', () => {
    const renamed = (family: string): string[] => ELECTRA.map((key) => key.replace('electra', family));
    expect(keysOf(fixtures, { families: ['distilbert'], variants: ['model.onnx'] })).toEqual(renamed('distilbert'));
    const roberta = keysOf(fixtures, { families: ['roberta'], variants: ['model.onnx'] });
    expect(roberta.filter((key) => !renamed('roberta').includes(key))).toEqual([
      'schedule/two-stage/roberta/model.onnx',
    ]);
    expect(roberta).toHaveLength(ELECTRA.length + 1);
  });

  it('are unique over everything that is packaged, and every packaged model file has some', () => {
    const keys = keysOf(fixtures);
    expect(new Set(keys).size).toBe(keys.length);
    const files = fixtures.flatMap(({ family, variants }) => variants.map((variant) => `/${family}/${variant}/`));
    expect(files).toHaveLength(64);
    expect(files.filter((file) => !keys.some((key) => `${key}/`.includes(file)))).toEqual([]);
    expect(collectCases(fixtures).notCovered).toEqual([]);
  });

  it('of one setup follow each other, so that a model is loaded once', () => {
    const setups = collectCases(fixtures, { families: ['bert'] }).cases.map(({ variant, options }) =>
      JSON.stringify([variant, options]),
    );
    const runs = setups.filter((setup, i) => setup !== setups[i - 1]);
    // Per float32 file: none, context, the recorded run, output, and the three with mean squared error; no recorded run
    // in float16; only whole classifiers in int8.
    expect(runs).toHaveLength(7 * 7 + 6 + 3);
  });

  it('of regression leave out what is asserted of whole classifiers', () => {
    const kinds = new Set(keysOf(fixtures, { key: '*/bert/model.onnx/context_mse*' }).map((key) => key.split('/')[0]));
    expect([...kinds]).toEqual(['hidden', 'logits', 'site-input', 'gradient']);
  });
});

describe('a decoder', () => {
  it('carries adapters on its cross-attention where they were recorded, and nowhere else', () => {
    const { cases } = collectCases(fixtures, { families: ['bart'], variants: ['model.onnx'] });
    const crossed = new Set(
      cases
        .filter(({ options }) => options.crossAttention)
        .map(({ key }) => key.split('/').find((part) => part.includes('_cross'))),
    );
    expect([...crossed].toSorted()).toEqual(['context_cross', 'output_cross']);
    expect(cases.some(({ key, options }) => key.includes('/context/') && options.crossAttention)).toBe(false);
    expect(cases.every(({ options }) => options.pooling === 'last')).toBe(true);
  });
});

describe('filters', () => {
  it('by family', () => {
    const keys = keysOf(fixtures, { families: ['electra', 'roberta'] });
    expect(keys.length).toBeGreaterThan(0);
    expect(
      new Set(collectCases(fixtures, { families: ['electra', 'roberta'] }).cases.map(({ family }) => family)),
    ).toEqual(new Set(['electra', 'roberta']));
    expect(keysOf(fixtures, { families: ['gpt2'] })).toEqual([]);
    expect(keysOf(fixtures, { families: [] })).toEqual([]);
  });

  it('by model file, where a default leaves out what no runtime has to take', async () => {
    const fixture = await edited('electra', { variants: ['model.onnx', 'model.int4.onnx'] });
    const files = (filter: Filter): string[] => [
      ...new Set(collectCases([fixture], filter).cases.map(({ variant }) => variant)),
    ];
    expect(DEFAULT_VARIANTS).not.toContain('model.int4.onnx');
    expect(files({})).toEqual(['model.onnx']);
    expect(files({ variants: ['model.int4.onnx'] })).toEqual(['model.int4.onnx']);
    expect(files({ variants: ['model.onnx', 'model.int4.onnx'] })).toEqual(['model.onnx', 'model.int4.onnx']);
  });

  it('by part of a key, or by a pattern for the whole of it', () => {
    const filter = (key: string): string[] =>
      keysOf(fixtures, { families: ['electra'], variants: ['model.onnx'], key });
    expect(filter('identity')).toEqual(['identity/electra/model.onnx/context', 'identity/electra/model.onnx/output']);
    expect(filter('identity/*/output')).toEqual(['identity/electra/model.onnx/output']);
    expect(filter('logits/*/none/*')).toEqual(
      ELECTRA.filter((key) => key.startsWith('logits') && key.includes('/none/')),
    );
    // A pattern covers the whole key, a text without * any part.
    expect(filter('identity*context/')).toEqual([]);
    expect(filter('context/b2s7/layer.1')).toEqual(['site-input/electra/model.onnx/context/b2s7/layer.1']);
    expect(filter('*')).toEqual(ELECTRA);
  });

  it('by all of them together', () => {
    expect(
      keysOf(fixtures, { families: ['bert'], variants: ['model.opset11.onnx', 'model.onnx'], key: 'fold*/output' }),
    ).toEqual(['fold/equals-unfolded/bert/model.onnx/output', 'fold/equals-unfolded/bert/model.opset11.onnx/output']);
  });

  it('take every character but * for itself', () => {
    const plain = fc.string().filter((text) => !text.includes('*'));
    fc.assert(
      fc.property(plain, plain, (key, other) => {
        expect(keyPattern(key).test(other)).toBe(other.includes(key));
        expect(keyPattern(key).test(`${other}${key}${other}`)).toBe(true);
      }),
    );
    expect(keyPattern('model.onnx').test('model-onnx')).toBe(false);
    expect(keyPattern('model.*').test('model-x')).toBe(false);
    expect(keyPattern('model.*').test('my model.x')).toBe(false);
  });
});

describe('what a model is loaded with', () => {
  const optionsOf = async (golden: NonNullable<Edits['golden']>): Promise<object | undefined> => {
    const fixture = await edited('electra', { golden });
    return collectCases([fixture], { key: 'logits/electra/model.onnx/context/b2s7' }).cases[0]?.options;
  };
  const plain = {
    site: 'context',
    crossAttention: false,
    norm: 'both',
    numLabels: 3,
    loss: 'cross-entropy',
    pooling: 'first',
    head: 'linear',
    trainBase: false,
  };

  it.each<[string, NonNullable<Edits['golden']>, object]>([
    ['as recorded', () => undefined, {}],
    ['mean pooling', (golden) => (golden.pooling = 'masked mean over positions'), { pooling: 'mean' }],
    [
      'mean squared error',
      (golden) => Object.assign(golden.variants['context'] ?? {}, { loss: 'mse(mean)', num_labels: 1 }),
      { loss: 'mse', numLabels: 1 },
    ],
    [
      'binary cross-entropy by its short name',
      (golden) => Object.assign(golden.variants['context'] ?? {}, { loss: 'bce(mean)' }),
      { loss: 'bce' },
    ],
    [
      'no norms',
      (golden) => Object.assign(golden, { attention_output_norms: [], ffn_output_norms: [] }),
      { norm: 'none', trainBase: true },
    ],
  ])('comes from golden.json: %s', async (_, golden, changed) => {
    expect(await optionsOf(golden)).toEqual({ ...plain, ...changed });
  });

  it('makes base weights trainable only where their gradients are recorded', () => {
    const { cases } = collectCases(fixtures, { variants: ['model.onnx'], key: 'gradient' });
    const trained = cases.filter(({ options }) => options.trainBase).map(({ key }) => key);
    // Those of every weight of bert, and of the norm of the embeddings of modernbert.
    const of = (family: string): string[] =>
      ['none', 'context', 'output'].flatMap((variant) =>
        ['b4s12', 'b2s7'].map((shape) => `gradient/${family}/model.onnx/${variant}/${shape}`),
      );
    expect(trained).toEqual([...of('bert'), ...of('modernbert')]);
  });
});

describe('what is not recorded', () => {
  const lost = async (edits: Edits, family = 'electra'): Promise<string[]> => {
    const variants = ['model.onnx'];
    const kept = keysOf([await edited(family, edits)]);
    return keysOf(fixtures, { families: [family], variants }).filter((key) => !kept.includes(key));
  };

  it.each<[string, RegExp, string[]]>([
    ['logits', /^context\.b4s12\.logits/, ['logits/electra/model.onnx/context/b4s12']],
    ['hidden states', /^none\.b2s7\.last_hidden_state/, ['hidden/electra/model.onnx/none/b2s7']],
    [
      'the input of a site',
      /site_input\.layer\.2/,
      ELECTRA.filter((key) => key.startsWith('site-input') && key.endsWith('layer.2')),
    ],
    ['a loss', /^output\.b2s7\.loss/, ['gradient/electra/model.onnx/output/b2s7']],
    ['all gradients of a batch', /^output\.b2s7\.grad\./, ['gradient/electra/model.onnx/output/b2s7']],
  ])('makes no case: %s', async (_, pattern, keys) => {
    expect(await lost({ tensors: without(pattern) })).toEqual(keys);
  });

  it('is made a case by its float64 twin alone, and by the float32 values alone', async () => {
    expect(await lost({ tensors: without(/^context\.b4s12\.logits$/) })).toEqual([]);
    expect(await lost({ tensors: without(/^context\.b4s12\.logits\.f64$/) })).toEqual([]);
  });

  it('is neither run nor counted', async () => {
    const fixture = await edited('electra', { tensors: without(/^none\.b4s12\.(logits|grad)/) });
    const report = await runSuite(referenceDriver, [fixture], { key: '*/none/*' });
    expect(report).toMatchObject({ passed: 4, failed: 0, gaps: [], failures: [] });
  });

  it.each<[string, Edits]>([
    ['golden.json says null', { golden: (golden) => (golden.trajectory = null) }],
    ['golden.json does not mention one', { golden: (golden) => Reflect.deleteProperty(golden, 'trajectory') }],
    ['no step of it is in golden.safetensors', { tensors: without(/^traj\./) }],
  ])('makes no case of a two-stage run: %s', async (_, edits) => {
    expect(await lost(edits, 'roberta')).toEqual(['schedule/two-stage/roberta/model.onnx']);
  });

  it('makes a case fail, not pass or vanish, when it is what the case starts from', async () => {
    const fixture = await edited('electra', { tensors: without(/^context\.adapter\.layer\.1\.w/) });
    const { failures, passed } = await runSuite(referenceDriver, [fixture], { key: 'logits/*/context/b2s7' });
    expect(failures).toEqual([
      {
        key: 'logits/electra/model.onnx/context/b2s7',
        message: '[FIXTURE_TENSOR] The fixture electra has no tensor context.adapter.layer.1.w',
      },
    ]);
    expect(passed).toBe(0);
  });

  it.each<[string, Edits['golden'], { what: string; reason: string }[]]>([
    [
      'a site without a name',
      (golden) => Object.assign(golden.variants['output'] ?? {}, { site: 'ffn' }),
      [{ what: 'electra/model.onnx/output', reason: 'site ffn' }],
    ],
    [
      'a pooling without a name',
      (golden) => Object.assign(golden, { pooling: 'last token', variants: { none: golden.variants['none'] } }),
      [{ what: 'electra/model.onnx/none', reason: 'pooling "last token"' }],
    ],
  ])('by this suite is told, with the reason: %s', async (_, golden, notCovered) => {
    const fixture = await edited('electra', golden === undefined ? {} : { golden });
    const { cases, notCovered: told } = collectCases([fixture]);
    expect(told).toEqual(notCovered);
    const left = notCovered.map(({ what }) => what);
    expect(cases.filter(({ key }) => left.some((what) => `${key}/`.includes(`/${what}/`)))).toEqual([]);
    expect((await runSuite(referenceDriver, [fixture], { key: 'no such case' })).notCovered).toEqual(notCovered);
  });
});
