import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { canonicalize, lower } from '@hadamard-adapter/compiler/internal';
import { concatChunks, readModel, writeModel } from '@hadamard-adapter/graph/internal';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';

const packaged = fileURLToPath(new URL('../../conformance-fixtures/fixtures', import.meta.url));
const shared = fileURLToPath(new URL('../../../../shared/fixtures', import.meta.url));
if (!existsSync(shared)) console.warn('skipped: no ../shared/fixtures, so only the packaged exports are compared');

const root = existsSync(shared) ? shared : packaged;
const models = readdirSync(root, { recursive: true, encoding: 'utf8' })
  .map((name) => name.replaceAll('\\', '/'))
  .filter((name) => name.endsWith('.onnx'))
  .toSorted();

/** Rows of tokens with padding at the right, as fused attention and every family takes it. */
function feeds(names: readonly string[], batch: number, sequence: number): Record<string, Tensor> {
  const real = (i: number): boolean => i % sequence < sequence - Math.floor(i / sequence);
  const fill = (name: string, i: number): bigint => {
    if (name === 'input_ids') return real(i) ? BigInt(5 + ((i * 13) % 80)) : 1n;
    return name === 'attention_mask' && real(i) ? 1n : 0n;
  };
  return Object.fromEntries(
    names.map((name) => [
      name,
      new Tensor(
        'int64',
        BigInt64Array.from({ length: batch * sequence }, (_, i) => fill(name, i)),
        [batch, sequence],
      ),
    ]),
  );
}

/**
 * Bounds of the conformance suite: two orders of float32 arithmetic on three layers; float16 widened to float32; a
 * dynamic scale where one rounding may move a whole tensor.
 */
const BOUNDS = {
  float32: { most: 1e-5, mean: 1e-5 },
  float16: { most: 1e-2, mean: 1e-2 },
  int8: { most: 0.1, mean: 0.012 },
} as const;

describe.each(models)('%s', (name) => {
  // One file of each family, and every file of one.
  const tags = name.endsWith('/model.onnx') || name.startsWith('bert/') ? [] : ['all'];
  it('gives the same hidden states in ONNX Runtime before and after', { tags }, async () => {
    const bytes = new Uint8Array(readFileSync(`${root}/${name}`));
    const canonical = canonicalize(readModel(bytes));
    const { most, mean } = BOUNDS[canonical.precision];
    // The file as it came, with nothing optimized, is the judge.
    const before = await InferenceSession.create(bytes, { graphOptimizationLevel: 'disabled', logSeverityLevel: 4 });
    const after = await InferenceSession.create(concatChunks(writeModel(lower(canonical.graph))));
    try {
      for (const [batch, sequence] of [
        [3, 9],
        [1, 1],
        [2, 30],
      ] as const) {
        const inputs = feeds(before.inputNames, batch, sequence);
        const expected = (await before.run(inputs, [canonical.hidden]))[canonical.hidden] as Tensor;
        const found = (await after.run(inputs, [canonical.hidden]))[canonical.hidden] as Tensor;
        expect(found.dims).toEqual(expected.dims);
        const width = expected.dims.at(-1) as number;
        const mask = inputs['attention_mask']?.data as BigInt64Array;
        const differences = [...(expected.data as Float32Array)].flatMap((value, i) =>
          mask[Math.floor(i / width)] === 1n ? [Math.abs(((found.data as Float32Array)[i] as number) - value)] : [],
        );
        expect(Math.max(...differences)).toBeLessThan(most);
        expect(differences.reduce((sum, value) => sum + value, 0) / differences.length).toBeLessThan(mean);
      }
    } finally {
      await before.release();
      await after.release();
    }
  });
});
