import { join } from 'node:path';
import { METRICS, evaluate, layout, normal, permutation, type Split } from '@hadamard-adapter/core';
import { decodeAdapter } from '@hadamard-adapter/core/folder';
import { keepLayers, siteVectors } from '@hadamard-adapter/core/analysis';
import {
  loadAdapter,
  loadModel,
  optionsForAdapter,
  saveAdapter,
  type AdapterSession,
  type LoadOptions,
} from '@hadamard-adapter/onnxruntime';
import { describe, expect, it } from 'vitest';
import { prunedFiles, smallerAdapter } from '../src/analyze/prune.js';
import type { Run } from '../src/analyze/runs.js';
import { openScorers } from '../src/analyze/scorer.js';
import { type DeviceFlags, openModel } from '@hadamard-adapter/cli/internal';

const fixtures = join(import.meta.dirname, '..', '..', 'conformance-fixtures', 'fixtures');
const CPU: DeviceFlags = { device: 'cpu', threads: 1, arithmetic: 'float32' };

/** Twelve random texts of eleven tokens, with labels that mean nothing. */
const split: Split = (() => {
  const [size, length] = [12, 11];
  const ids = Int32Array.from(
    { length: size * length },
    (_, i) => 5 + (((permutation(97, 0, i)[0] as number) * 7) % 90),
  );
  const labels = Float32Array.from({ length: size }, (_, i) => i % 2);
  return {
    id: 'random',
    size,
    lengths: new Int32Array(size).fill(length),
    labels,
    batch: (rows) => ({
      batch: rows.length,
      sequence: length,
      inputIds: Int32Array.from([...rows].flatMap((row) => [...ids.subarray(row * length, (row + 1) * length)])),
      attentionMask: new Int32Array(rows.length * length).fill(1),
      labels: Float32Array.from(rows, (row) => labels[row] as number),
      source: { split: 'random', rows },
    }),
  };
})();

/** An adapter of random numbers, far enough from 1 and 0 to tell layers apart. */
async function randomAdapter(session: AdapterSession): Promise<Run> {
  const values = await session.read();
  const noise = normal(values.length, 0.3, 1, 'adapter');
  await session.write(values.map((value, i) => value + (noise[i] as number)));
  const adapter = decodeAdapter(
    await saveAdapter(session, { baseModel: 'test/base', labels: ['no', 'yes'], task: 'random' }),
  );
  return { name: 'random', task: 'random', adapter, sites: siteVectors(adapter) };
}

async function scoreOf(
  run: Pick<Run, 'adapter'>,
  graph: Parameters<typeof loadModel>[0],
  card: Record<string, Uint8Array>,
): Promise<{ score: number; loss: number }> {
  const session = await loadModel(graph, { ...optionsForAdapter(run.adapter.config), ...CPU });
  await loadAdapter(session, card);
  const { score, loss } = await evaluate(session, split, METRICS.accuracy);
  await session.dispose();
  return { score, loss };
}

const CASES: readonly (readonly [string, string, Partial<LoadOptions>, readonly number[]])[] = [
  ['BERT, every layer', 'bert', {}, [0, 2]],
  ['BERT, some layers, both norms', 'bert', { layers: [1, 2], norm: 'both' }, [2]],
  ['BERT behind the projection, no norm', 'bert', { site: 'output', norm: 'none' }, [1]],
  // Its layers share their norms.
  ['ALBERT, without the first layer', 'albert', {}, [1, 2]],
  ['ALBERT, some layers', 'albert', { layers: [0, 1] }, [1]],
  ['BART with cross-attention', 'bart', { crossAttention: true }, [0, 2]],
  ['ModernBERT, pre-norm', 'modernbert', { norm: 'both' }, [0, 1]],
];

describe('a session with adapters on all layers', () => {
  it.each(CASES)(
    '%s: scores as the adapter itself, and fewer layers as the smaller adapter',
    async (_, family, options, kept) => {
      const folder = await openModel(join(fixtures, family, 'model.onnx'));
      const graph = { graph: folder.graph };
      const session = await loadModel(graph, { numLabels: 2, ...options, ...CPU });
      const run = await randomAdapter(session);
      const expected = await evaluate(session, split, METRICS.accuracy);
      await session.dispose();
      const scorers = openScorers(folder, CPU);
      const scorer = await scorers.of(run, { split, metric: METRICS.accuracy });
      const { layers } = run.adapter.config;
      expect(await scorer.scoreLayers(layers)).toEqual({ score: expected.score, loss: expected.loss });

      const whole = run.adapter.config.layers;
      const smaller = smallerAdapter(
        run,
        whole.filter((layer) => kept.includes(layer)),
        scorer,
      );
      const files = prunedFiles(smaller, { kept, removed: [], by: 'predictor' }, undefined, { trainable: 0 });
      const { loss } = await scoreOf({ adapter: smaller }, graph, files);
      expect((await scorer.scoreLayers(smaller.config.layers)).loss).toBe(loss);
      expect(loss).not.toBe(expected.loss);

      // Nothing kept is the bare model, whatever was loaded before.
      const places = layout(scorer.parameters);
      const bare = keepLayers(scorer.parameters, scorer.own, scorer.base, []);
      expect(places.gather(bare, ['adapter', 'norm'])).toEqual(places.gather(scorer.base, ['adapter', 'norm']));
      expect(places.gather(bare, ['classifier'])).toEqual(places.gather(scorer.own, ['classifier']));
      await scorers.dispose();
    },
  );
});
