import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { float32Tensor, type Graph } from '@hadamard-adapter/graph/internal';
import { openWeightFiles } from '../src/devices/weight-files.js';
import { loadModel } from '../src/index.js';
import { failure } from './support/failure.js';
import { widerBert, relativeDifference, tinyBert, tinySplit } from './support/tiny.js';

const split = tinySplit('train', 24);
const batch = split.batch(Int32Array.from({ length: 24 }, (_, row) => row));
const GROUPS = ['adapter', 'norm'] as const;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'low-memory-'));
  vi.stubEnv('TMPDIR', folder);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** ONNX Runtime leaves files of its own in the temporary folder. */
const ours = (): string[] => readdirSync(folder).filter((name) => name.startsWith('hadamard-'));

describe('low memory', () => {
  it.each([{}, { arithmetic: 'int8' as const }])(
    'the same numbers with weights on disk, whichever comes in turn (%o)',
    async (options) => {
      const graph = widerBert();
      const [plain, low] = [
        await loadModel({ graph }, { numLabels: 3, ...options }),
        await loadModel({ graph }, { numLabels: 3, lowMemory: true, ...options }),
      ];
      expect(ours()).toHaveLength(1);
      for (let turn = 0; turn < 2; turn++) {
        const [found, expected] = await Promise.all([low.gradients(batch, GROUPS), plain.gradients(batch, GROUPS)]);
        expect(relativeDifference(found.gradients, expected.gradients)).toBeLessThan(1e-5);
        expect(relativeDifference(await low.predict(batch), await plain.predict(batch))).toBeLessThan(1e-5);
      }
      // Calls at once: a graph is not released while another call runs it.
      const together = await Promise.all([
        low.predict(batch),
        low.gradients(batch, GROUPS),
        low.predict(batch),
        low.encode(batch),
      ]);
      expect(together[0]).toEqual(together[2]);
      expect(await low.baseDigest()).toBe(await plain.baseDigest());
      expect(Buffer.concat(await low.fold()).equals(Buffer.concat(await plain.fold()))).toBe(true);
      await Promise.all([plain.dispose(), low.dispose()]);
      expect(ours()).toHaveLength(0);
    },
  );

  it('removes what a process that was killed left behind, and nothing of one that lives', async () => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    for (const owner of [pid, process.ppid]) mkdirSync(join(folder, `hadamard-weights-${owner}-abc`));
    mkdirSync(join(folder, 'hadamard-other'));
    const files = await openWeightFiles();
    expect(ours().filter((name) => !name.includes(`-${process.pid}-`))).toEqual([
      'hadamard-other',
      `hadamard-weights-${process.ppid}-abc`,
    ]);
    files.dispose();
  });

  it('gives no other code of the process the garbage collector', async () => {
    const before = runInNewContext('typeof gc') as string;
    const files = await openWeightFiles();
    expect(runInNewContext('typeof gc')).toBe(before);
    files.dispose();
  });

  it('says which folder cannot be written', async () => {
    vi.stubEnv('TMPDIR', join(folder, 'missing'));
    const error = await failure(loadModel({ graph: tinyBert() }, { numLabels: 3, lowMemory: true }));
    expect(error.code).toBe('WEIGHT_FILES');
    expect(error.message).toMatch(/missing.*TMPDIR/s);
  });

  it('leaves no file behind when the model turns out to be none', async () => {
    const { nodes } = tinyBert();
    expect(
      await failure(
        loadModel({ graph: { ...tinyBert(), nodes: nodes.slice(0, 3) } }, { numLabels: 3, lowMemory: true }),
      ),
    ).toHaveProperty('code');
    expect(ours()).toHaveLength(0);
  });

  it('keeps small tensors in memory, equal ones once, and reads the others whenever they are asked for', async () => {
    const files = await openWeightFiles();
    const large = float32Tensor(
      Float32Array.from({ length: 20_000 }, (_, i) => i),
      [20_000],
    );
    const small = float32Tensor([1, 2], [2]);
    const graph: Graph = {
      ...tinyBert(),
      tensors: new Map([
        ['large', large],
        ['again', large],
        ['small', small],
      ]),
    };
    const { tensors } = files.offload(graph);
    expect(tensors.get('small')).toBe(small);
    expect(tensors.get('large')).toBe(tensors.get('again'));
    const [first, second] = [tensors.get('large')?.bytes, tensors.get('large')?.bytes];
    expect(first).toEqual(large.bytes);
    expect(first?.buffer).not.toBe(second?.buffer);
    files.dispose();
    expect(ours()).toEqual([]);
  });
});
