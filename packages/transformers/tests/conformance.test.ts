import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runSuite, type Driver } from '@hadamard-adapter/conformance';
import { packagedFixtures, readFixtures } from '@hadamard-adapter/conformance/node';
import { conformanceDriver, nodePlatform } from '@hadamard-adapter/onnxruntime/conformance';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { libraryDriver } from './library-driver.js';
import { ASSETS, LIBRARIES, type AnyLibrary } from './support.js';

const FAMILIES = [
  'albert',
  'bart',
  'bert',
  'deberta',
  'deberta-v2',
  'distilbert',
  'electra',
  'modernbert',
  'roberta',
  't5-encoder',
];
const DTYPES = { 'model.onnx': 'fp32', 'model.fp16.onnx': 'fp16', 'model.int8.onnx': 'q8' } as const;
const SUFFIXES = { fp32: '', fp16: '_fp16', q8: '_quantized' } as const;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hadamard-layout-'));
  for (const [, { env }] of LIBRARIES) env.localModelPath = `${folder}/`;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A fixture as a folder of the hub; its tokenizer is never asked. */
function asRepository(
  family: string,
  variant: string,
  model: Uint8Array,
  config: unknown,
): { id: string; dtype: (typeof DTYPES)[keyof typeof DTYPES] } {
  const dtype = DTYPES[variant as keyof typeof DTYPES];
  const target = join(folder, family);
  mkdirSync(join(target, 'onnx'), { recursive: true });
  writeFileSync(join(target, 'config.json'), JSON.stringify(config));
  writeFileSync(join(target, 'onnx', `model${SUFFIXES[dtype]}.onnx`), model);
  for (const name of ['tokenizer.json', 'tokenizer_config.json'])
    cpSync(join(ASSETS, 'mini-bert', name), join(target, name));
  return { id: family, dtype };
}

const driverOf = (library: AnyLibrary): Driver =>
  libraryDriver({
    library,
    device: 'cpu',
    threads: 1,
    plain: conformanceDriver(nodePlatform, 'cpu'),
    asRepository: ({ family, variant, model, config }) => asRepository(family, variant, model, config),
  });

async function conforms(library: AnyLibrary, family: string, variants: readonly string[], key: string): Promise<void> {
  const { failures, passed } = await runSuite(driverOf(library), await readFixtures(packagedFixtures, [family]), {
    variants,
    key,
  });
  expect(failures).toEqual([]);
  expect(passed).toBeGreaterThan(5);
}

/** Every family by one file; of one family every file, and what must hold of any adapter. */
describe.each(LIBRARIES)('the conformance suite through %s', (_, library) => {
  const others = FAMILIES.filter((family) => family !== 'bert');
  it.each(others)('%s', (family) => conforms(library, family, ['model.onnx'], '*/context/*'));
  it('bert, all of it', () => conforms(library, 'bert', Object.keys(DTYPES), '*/context*'));
  it.each(others)('%s, all of it', { tags: ['all'] }, (family) =>
    conforms(library, family, Object.keys(DTYPES), '*/context*'),
  );
});
