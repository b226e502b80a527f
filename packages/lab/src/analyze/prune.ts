import { ConfigError, HadamardError, type Tensor } from '@hadamard-adapter/core';
import { adapterTensors, encodeAdapter, type Adapter, type CardInfo } from '@hadamard-adapter/core/folder';
import { eliminate, pruneAdapter, smallestWithin, type LayerScore } from '@hadamard-adapter/core/analysis';
import { parse } from 'yaml';
import { elementAt, isObject, present } from '@hadamard-adapter/core/internal';
import { orderBy, signsOf } from './layers.js';
import type { Run } from './runs.js';
import type { Scorer } from './scorer.js';

/** What is wanted of a smaller adapter: so many layers, or so little loss of score (in its unit). */
export type PruneGoal = { readonly keep: number } | { readonly budget: number };

export interface Pruned {
  /** Layers that stay, ascending. */
  readonly kept: readonly number[];
  /** Layers that went, in the order in which they did. */
  readonly removed: readonly number[];
  /** How they were chosen. */
  readonly by: 'elimination' | 'predictor';
  /** Before and after, where they were chosen by scoring. */
  readonly full?: LayerScore;
  readonly score?: LayerScore;
}

/**
 * Choose the layers that stay: by greedy elimination where there is something to score with, else those that have moved
 * furthest, by the sum of mean |w − 1| and mean |b|.
 *
 * @throws ConfigError PRUNE_KEEP for a number of layers that the adapter cannot keep, PRUNE_DATA for a budget without
 *   model and data.
 */
export async function chooseLayers(run: Run, goal: PruneGoal, scorer: Scorer | undefined): Promise<Pruned> {
  const { layers } = run.adapter.config;
  if ('keep' in goal) checkKeep(goal.keep, layers.length);
  if (scorer === undefined) {
    if (!('keep' in goal))
      throw new ConfigError('A budget of score can only be kept by scoring', {
        code: 'PRUNE_DATA',
        found: '--budget alone',
        expected: '--model, and --data or --dev',
      });
    const removed = orderBy(signsOf(run), ({ scale, shift }) => scale + shift).slice(0, layers.length - goal.keep);
    return { kept: layers.filter((layer) => !removed.includes(layer)), removed, by: 'predictor' };
  }
  const curve = await eliminate(layers, scorer.scoreLayers, 'keep' in goal ? goal.keep : 1);
  const chosen = 'keep' in goal ? present(curve.at(-1)) : smallestWithin(curve, goal.budget);
  const removed = curve.slice(0, curve.indexOf(chosen) + 1).flatMap((point) => point.removed ?? []);
  return { kept: chosen.kept, removed, by: 'elimination', full: elementAt(curve, 0), score: chosen };
}

/** @throws ConfigError PRUNE_KEEP. */
export function checkKeep(keep: number, layers: number): void {
  if (keep >= 1 && keep <= layers) return;
  throw new ConfigError('The adapter cannot keep so many layers', {
    code: 'PRUNE_KEEP',
    found: `--keep ${keep}`,
    expected: `1 to ${layers}`,
    hint:
      keep === 0
        ? 'Without any layer only the classifier is left: evaluate the bare model instead.'
        : `The adapter has ${layers} layers.`,
  });
}

/**
 * The adapter on the kept layers. With a scorer, also where layers share a norm: it is then saved under the name of the
 * first of them that stays.
 *
 * @throws UnsupportedError PRUNE_SHARED_NORM without a scorer.
 */
export function smallerAdapter({ adapter }: Run, kept: readonly number[], scorer: Scorer | undefined): Adapter {
  try {
    return pruneAdapter(adapter, kept);
  } catch (error) {
    if (scorer === undefined || !(error instanceof HadamardError) || error.code !== 'PRUNE_SHARED_NORM') throw error;
    const { config, tensors } = adapter;
    const all = adapterTensors(scorer.parameters, scorer.own);
    const classifier = scorer.parameters.flatMap(({ name, group }): [string, Tensor][] =>
      group === 'classifier' ? [[name, present(all.get(name))]] : [],
    );
    const placed = scorer
      .tensorsOf(kept)
      .map(({ name, parameter }): [string, Tensor] => [name, tensors.get(name) ?? present(all.get(parameter.name))]);
    return { config: { ...config, layers: [...kept] }, tensors: new Map([...classifier, ...placed]) };
  }
}

/** The files of the smaller adapter; its card takes over licence, language and tags, and says where the layers went. */
export function prunedFiles(
  adapter: Adapter,
  { removed, by, score, full }: Pruned,
  card: string | undefined,
  {
    metric,
    rows,
    trainable,
    total,
  }: { readonly metric?: string; readonly rows?: number; readonly trainable: number; readonly total?: number },
): Record<string, Uint8Array> {
  const how =
    by === 'elimination'
      ? `chosen by greedy elimination on ${rows} ` +
        `rows${full === undefined ? '' : `, where the whole adapter has a score of ${full.score.toFixed(4)}`}`
      : 'those whose scales and shifts had moved least';
  return encodeAdapter({
    ...adapter,
    card: {
      ...keptFields(card),
      trainable,
      ...(total === undefined ? {} : { total }),
      ...(metric === undefined || score === undefined ? {} : { metric, scores: { [metric]: score.score } }),
      notes:
        removed.length === 0
          ? 'No layer was dropped.'
          : `The adapters of ${removed.length === 1 ? `layer ${removed[0]}` : `layers ${removed.join(', ')}`} were ` +
            `dropped, ${how}.`,
    },
  });
}

/** Numbers that stage two trained for the tensors of an adapter. */
export function numbersOf({ tensors }: Adapter): number {
  const trained = [...tensors].filter(([name]) => /\.(adapter|attention_norm|output_norm)\.(weight|bias)$/.test(name));
  return trained.reduce((sum, [, { shape }]) => sum + shape.reduce((product, size) => product * size, 1), 0);
}

const OWN_TAGS = new Set(['hadamard-adapter', 'peft', 'onnx']);

/** What the front matter of a card says that nobody else knows. */
function keptFields(card: string | undefined): Pick<CardInfo, 'license' | 'language' | 'tags'> {
  const front = /^---\r?\n([\s\S]*?)\r?\n---/.exec(card ?? '')?.[1];
  let fields: unknown;
  try {
    fields = front === undefined ? undefined : parse(front);
  } catch {
    // A card is free text: one that cannot be read has nothing to hand on.
  }
  if (!isObject(fields)) return {};
  const { license, language, tags } = fields;
  const own = Array.isArray(tags)
    ? tags.filter((tag): tag is string => typeof tag === 'string' && !OWN_TAGS.has(tag))
    : [];
  return {
    ...(typeof license === 'string' ? { license } : {}),
    ...(typeof language === 'string' ? { language } : {}),
    ...(own.length === 0 ? {} : { tags: own }),
  };
}
