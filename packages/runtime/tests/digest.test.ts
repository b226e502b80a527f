import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadAdapter, loadReferenceModel, saveAdapter, type AdapterSession } from '../src/internal.js';
import { readEncoder } from '@hadamard-adapter/compiler/internal';
import { batchOf } from '../../compiler/tests/support/packaged.js';

const root = fileURLToPath(new URL('../../conformance-fixtures/fixtures', import.meta.url));
const families = readdirSync(root, { withFileTypes: true }).flatMap((entry) =>
  entry.isDirectory() ? [entry.name] : [],
);
const filesOf = (family: string): string[] =>
  readdirSync(`${root}/${family}`).filter((name) => /^model.*\.(onnx|safetensors)$/.test(name));

function session(family: string, file: string): AdapterSession {
  const config = JSON.parse(readFileSync(`${root}/${family}/config.json`, 'utf8')) as unknown;
  return loadReferenceModel(readEncoder(new Uint8Array(readFileSync(`${root}/${family}/${file}`)), { config }), {
    numLabels: 2,
  });
}

/** Files with numbers of their own: rounded ones, and where the optimizer packed three matrices into one. */
const packs = (family: string): boolean => ['albert', 'bert', 'distilbert', 'electra', 'roberta'].includes(family);
const isOther = (family: string, file: string): boolean =>
  /int8|fp16/.test(file) || (file === 'model.optimized.onnx' && packs(family));

describe.each(families)('the base of %s', (family) => {
  it('is the same to an adapter in every lossless form, and another where its numbers are others', async () => {
    const own = await session(family, 'model.safetensors').baseDigest();
    for (const file of filesOf(family)) {
      const digest = await session(family, file).baseDigest();
      if (isOther(family, file)) expect(digest, file).not.toBe(own);
      else expect(digest, file).toBe(own);
    }
  });
});

it('an adapter trained on one form answers the same on another', async () => {
  const [trained, other] = [session('bert', 'model.dynamo.onnx'), session('bert', 'model.safetensors')];
  const batch = batchOf();
  for (let step = 0; step < 3; step++)
    await trained.step([batch], { groups: ['classifier', 'adapter', 'norm'], learningRate: 0.05 });
  await loadAdapter(other, await saveAdapter(trained, { baseModel: 'bert', labels: ['a', 'b'] }));
  const expected = await trained.predict(batch);
  // Float64 on both sides; √d is float32 in the exported file.
  (await other.predict(batch)).forEach((value, i) =>
    expect(Math.abs(value - (expected[i] as number))).toBeLessThan(1e-6),
  );
});
