import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { FAMILIES, classNameOf, familyOf, inputLimits } from '../src/families/families.js';
import { INPUT_FIELDS } from '../src/families/family.js';
import { readEncoder } from '../src/families/read-encoder.js';
import { placeholderWeights } from '../src/families/weights.js';
import { targetOf } from '../src/peft/target-modules.js';
import { packagedConfig, packagedFile } from './support/packaged.js';

const packages = fileURLToPath(new URL('../..', import.meta.url));
const types = FAMILIES.flatMap(({ models }) => models.map(({ type }) => type));
const fixtures = readdirSync(join(packages, 'conformance-fixtures', 'fixtures'), { withFileTypes: true }).flatMap(
  (entry) => (entry.isDirectory() ? [entry.name] : []),
);
const configOf = (fixture: string): Record<string, unknown> => packagedConfig(fixture) as Record<string, unknown>;

/** A config that notes which of its fields are read; one that is absent is asked for all the same. */
function watched(fields: Record<string, unknown>): { config: Record<string, unknown>; read: Set<string> } {
  const read = new Set<string>();
  const get = (config: Record<string, unknown>, field: string | symbol): unknown => {
    if (typeof field === 'string') read.add(field);
    return config[String(field)];
  };
  return { config: new Proxy(fields, { has: () => true, get }), read };
}

it('every model_type is of one family', () => {
  expect(new Set(types).size).toBe(types.length);
  for (const family of FAMILIES) for (const { type } of family.models) expect(familyOf(type)).toBe(family);
  expect(familyOf('constructor')).toBeUndefined();
  expect(familyOf('llama')).toBeUndefined();
});

describe.each(fixtures)('the entry of %s', (fixture) => {
  const family = familyOf(String(configOf(fixture)['model_type']));

  it('lists the fields of config.json that its builder reads, and no others', () => {
    const { config, read } = watched(configOf(fixture));
    family?.build?.(config, placeholderWeights());
    expect([...read].toSorted()).toEqual([...(family?.fields ?? [])].toSorted());
  });

  it('names target modules that the checkpoint has', () => {
    const { tensors } = readEncoder(packagedFile(`${fixture}/model.safetensors`), { config: configOf(fixture) });
    const paths = Object.entries(family?.peft?.targets ?? {});
    expect(paths.length).toBeGreaterThan(2);
    // The first layer of a ModernBERT has no norm in front.
    for (const [path] of paths) expect([...tensors.keys()], path).toContain(`${path.replace('#', '1')}.weight`);
  });

  it('knows a target module with the name of the encoder in front, and the same one in another layer', () => {
    const prefix = family?.peft?.basePrefix;
    for (const [path, { role }] of Object.entries(family?.peft?.targets ?? {})) {
      const target = targetOf(`${prefix}.${path.replace('#', '1')}`);
      expect(target?.role).toBe(role);
      expect(target?.family?.peft).toBe(family?.peft);
      expect(target?.inLayer(7)).toBe(path.includes('#') ? `${prefix}.${path.replace('#', '7')}` : undefined);
      expect(targetOf(path.replace('#', '1'))?.family).toBeUndefined();
      expect(targetOf(`other.${path.replace('#', '1')}`)).toBeUndefined();
    }
  });
});

it('classes are called as in Hugging Face transformers', () => {
  expect(classNameOf('bert', 'SEQ_CLS')).toBe('BertForSequenceClassification');
  expect(classNameOf('xlm-roberta', 'TOKEN_CLS')).toBe('XLMRobertaForTokenClassification');
  expect(classNameOf('deberta-v2', 'QUESTION_ANS')).toBe('DebertaV2ForQuestionAnswering');
  expect(classNameOf('t5', 'FEATURE_EXTRACTION')).toBe('T5Model');
  expect(classNameOf('llama', 'FEATURE_EXTRACTION')).toBeUndefined();
});

describe('the input of a model', () => {
  it.each(['roberta', 'xlm-roberta', 'camembert', 'mpnet', 'longformer'])(
    'of %s begins behind the padding id',
    (type) => {
      const config = { model_type: type, max_position_embeddings: 514 };
      expect(inputLimits(config)).toEqual({ longestInput: 514, positionOffset: 2 });
      expect(inputLimits({ ...config, pad_token_id: 0 })).toEqual({
        longestInput: 514,
        positionOffset: 1,
        padTokenId: 0,
      });
    },
  );

  it.each(types.filter((type) => familyOf(type)?.positionOffset === undefined))('of %s begins at the first', (type) => {
    expect(inputLimits({ model_type: type, max_position_embeddings: 514, pad_token_id: 1 })).toEqual({
      longestInput: 514,
      positionOffset: 0,
      padTokenId: 1,
    });
  });

  it('is read from the same fields of every model', () => {
    const { config, read } = watched({ model_type: 'roberta' });
    inputLimits(config);
    expect([...read].toSorted()).toEqual(INPUT_FIELDS);
  });

  it('is unknown where config.json does not say it in numbers', () => {
    expect(inputLimits({})).toEqual({ positionOffset: 0 });
    expect(inputLimits({ max_position_embeddings: '128', pad_token_id: null })).toEqual({ positionOffset: 0 });
    expect(inputLimits({ model_type: 'llama', max_position_embeddings: 64 })).toEqual({
      longestInput: 64,
      positionOffset: 0,
    });
  });
});

const ENTRIES = join('compiler', 'src', 'families', '/');

it('no source file besides the entries tells families apart by name', () => {
  const named = types.map((type) => `(['"\`])${type}\\1|(?<![\\w.$-])${type}(?=\\??:\\s)`);
  const patterns = types.map((type, i) => [type, new RegExp(named[i] as string)] as const);
  const sources = readdirSync(packages).flatMap((name) => {
    const folder = join(packages, name, 'src');
    if (!existsSync(folder)) return [];
    return readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => relative(packages, join(folder, file)));
  });
  const telling = sources.filter((file) => {
    if (file.startsWith(ENTRIES)) return false;
    const source = readFileSync(join(packages, file), 'utf8');
    return patterns.filter(([, pattern]) => pattern.test(source)).length > 1;
  });
  expect(sources.length).toBeGreaterThan(100);
  expect(telling).toEqual([]);
});
