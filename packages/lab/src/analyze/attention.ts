import { sequentialBatches, type Batch } from '@hadamard-adapter/core';
import { addHeadNorms, headNorms, type HeadNorms } from '@hadamard-adapter/core/analysis';
import type { Run } from './runs.js';
import type { Scorer } from './scorer.js';

/** Lengths of the attention outputs of one head: means over tokens. */
export interface HeadChange {
  readonly layer: number;
  readonly key: string;
  readonly head: number;
  /** On the bare model. */
  readonly untuned: number;
  /** What the adapter reads. */
  readonly before: number;
  /** What it makes of it: ‖w ⊙ x + b‖. */
  readonly after: number;
  /** How far that is from what it reads: ‖w ⊙ x + b − x‖. */
  readonly change: number;
}

export interface AttentionAnalysis {
  readonly run: Run;
  readonly rows: number;
  readonly tokens: number;
  /** Heads of each place; 1 where they cannot be told apart. */
  readonly heads: number;
  readonly changes: readonly HeadChange[];
}

/** Names of the number of heads in configs of Hugging Face families: BERT and most others, DistilBERT, T5, BART. */
const HEADS = ['num_attention_heads', 'n_heads', 'num_heads', 'encoder_attention_heads'] as const;

/** Heads by config.json. Behind the output projection they are mixed: there is one. */
export function headsOf(
  config: Readonly<Record<string, unknown>>,
  site: 'context' | 'output',
  channels: number,
): number {
  const found = HEADS.map((name) => config[name]).find(
    (value): value is number => typeof value === 'number' && Number.isInteger(value) && value > 0,
  );
  return site === 'output' || found === undefined || channels % found !== 0 ? 1 : found;
}

/**
 * Lengths of attention outputs on the bare model, in front of each adapter and behind it.
 *
 * @param config of the base model, for the number of heads.
 * @param limit rows looked at, from the first on; every one runs twice for each layer.
 */
export async function analyzeAttention(
  scorer: Scorer,
  config: Readonly<Record<string, unknown>>,
  limit: number,
  onDone: (done: number, total: number) => void = () => {},
): Promise<AttentionAnalysis> {
  const { run, session, split, own, base } = scorer;
  const { site } = run.adapter.config;
  const rows = Math.min(limit, split.size);
  const heads = headsOf(config, site, run.sites[0]?.w.length ?? 1);
  const batches = [...sequentialBatches(split.lengths.subarray(0, rows), 32)].map((each) => split.batch(each));
  const total = 2 * run.sites.length;
  const changes: HeadChange[] = [];
  let tokens = 0;

  const measure = async (key: string, adapter: Parameters<typeof headNorms>[3]): Promise<HeadNorms> => {
    const parts: HeadNorms[] = [];
    for (const batch of batches)
      parts.push(headNorms(await session.siteInput(batch, key), maskOf(batch), heads, adapter));
    return addHeadNorms(parts);
  };
  // Numbers are exchanged once, not for every place.
  await session.write(base);
  const untuned: HeadNorms[] = [];
  for (const place of run.sites) {
    untuned.push(await measure(place.key, place));
    onDone(untuned.length, total);
  }
  await session.write(own);
  for (const [i, place] of run.sites.entries()) {
    const tuned = await measure(place.key, place);
    ({ tokens } = tuned);
    for (let head = 0; head < heads; head++) {
      const at = (sums: Float64Array | undefined): number => (sums?.[head] ?? 0) / tokens;
      changes.push({
        layer: place.layer,
        key: place.key,
        head,
        untuned: at(untuned[i]?.before),
        before: at(tuned.before),
        after: at(tuned.after),
        change: at(tuned.change),
      });
    }
    onDone(run.sites.length + i + 1, total);
  }
  return { run, rows, tokens, heads, changes };
}

const maskOf = ({ attentionMask }: Batch): Int32Array => attentionMask;
