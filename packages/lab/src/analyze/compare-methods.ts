import { share } from '@hadamard-adapter/core';
import { elementAt } from '@hadamard-adapter/core/internal';
import { mean } from 'simple-statistics';
import type { Method } from '../methods.js';
import type { RunRow } from '../sweep/results.js';
import { pairedDifference, partOfWay, summarize, type Summary } from '../sweep/statistics.js';
import { groupBy } from '../group-by.js';

/** A method on one task, in its best setting. */
export interface MethodScore extends Summary {
  readonly task: string;
  /** Its label in the sweep. */
  readonly label: string;
  readonly method: Method;
  readonly metric: string;
  /** Numbers trained, without the classifier. */
  readonly trainable: number;
  /** Of the numbers in the base model. */
  readonly share: number;
  /** Settings that differ between the methods' candidates on this task, as text. */
  readonly setting: string;
  /** How many settings it was chosen from. */
  readonly settings: number;
  /** Above the classifier alone, over the seeds that both have. */
  readonly gain?: Summary;
  /**
   * Of the distance between the classifier alone and full fine-tuning: 1 is as good as full. Only where full
   * fine-tuning is above by more than its seeds differ, over the seeds that all three have.
   */
  readonly closed?: number;
}

interface Candidate {
  readonly rows: readonly [RunRow, ...RunRow[]];
  readonly summary: Summary;
}

/**
 * How the methods of sweeps compare: for each task every label in its best setting, from the least to the most numbers
 * trained, beside the classifier alone and full fine-tuning where those were run.
 *
 * The best setting is the one with the highest mean among those with most seeds, so that one lucky run is not compared
 * with a mean.
 *
 * @param rows whose tasks are named apart (`tasksApart`).
 */
export function compareMethods(rows: readonly RunRow[]): MethodScore[] {
  return [...groupBy(rows, ({ task }) => task).values()].flatMap((ofTask) => {
    const best = [...groupBy(ofTask, ({ method }) => method)].map(([label, own]) => ({ label, ...bestOf(own) }));
    const reference = (method: Method): ReadonlyMap<number, number> | undefined => {
      const [found] = best
        .filter(({ rows: [first] }) => first.settings.method === method)
        .toSorted((a, b) => b.summary.mean - a.summary.mean);
      return found === undefined ? undefined : scoresOf(found.rows);
    };
    const [floor, ceiling] = [reference('classifier'), reference('full')];
    const scores = best.map(({ label, rows: own, summary, settings, setting }): MethodScore => {
      const [
        {
          task,
          metric,
          trainable,
          total,
          settings: { method },
        },
      ] = own;
      const gain = floor === undefined || method === 'classifier' ? undefined : pairedDifference(scoresOf(own), floor);
      const closed =
        floor === undefined || ceiling === undefined || method === 'classifier' || method === 'full'
          ? undefined
          : partOfWay(scoresOf(own), floor, ceiling);
      return {
        task,
        label,
        method,
        metric,
        trainable,
        share: share(trainable, total),
        setting,
        settings,
        ...summary,
        ...(gain === undefined ? {} : { gain }),
        ...(closed === undefined ? {} : { closed }),
      };
    });
    return scores.toSorted((a, b) => a.trainable - b.trainable);
  });
}

/** One label over its tasks. */
export interface MethodMean {
  readonly label: string;
  readonly method: Method;
  readonly trainable: number;
  readonly share: number;
  readonly tasks: number;
  /**
   * Mean over tasks of what it closes of the distance, over those where full fine-tuning is above the classifier alone.
   */
  readonly closed?: number;
  /** Tasks that `closed` is the mean of, and those of them on which the method is above the classifier alone. */
  readonly compared: number;
  readonly above: number;
}

export function meansOf(found: readonly MethodScore[]): MethodMean[] {
  return [...groupBy(found, ({ label }) => label)].map(([label, own]) => {
    const [{ method, trainable, share: part }] = own;
    const closed = own.flatMap((each) => each.closed ?? []);
    return {
      label,
      method,
      trainable,
      share: part,
      tasks: own.length,
      compared: closed.length,
      above: closed.filter((value) => value > 0).length,
      ...(closed.length === 0 ? {} : { closed: mean(closed) }),
    };
  });
}

const scoresOf = (rows: readonly RunRow[]): Map<number, number> =>
  new Map(rows.map(({ seed, score }) => [seed, score]));

function bestOf(rows: readonly RunRow[]): Candidate & { readonly settings: number; readonly setting: string } {
  const candidates = [...groupBy(rows, ({ settings }) => JSON.stringify(settings)).values()].flatMap(
    (own): Candidate[] => {
      const summary = summarize([...scoresOf(own).values()]);
      return summary === undefined ? [] : [{ rows: own, summary }];
    },
  );
  const sorted = candidates.toSorted((a, b) => b.summary.n - a.summary.n || b.summary.mean - a.summary.mean);
  const best = elementAt(sorted, 0);
  return { ...best, settings: candidates.length, setting: settingText(candidates, best) };
}

/** What tells the best candidate from the others. */
function settingText(candidates: readonly Candidate[], { rows: [chosen] }: Candidate): string {
  const all = candidates.map(({ rows: [first] }): Record<string, unknown> => ({ ...first.settings }));
  const names = [...new Set(all.flatMap((each) => Object.keys(each)))].filter(
    (name) => new Set(all.map((each) => JSON.stringify(each[name]))).size > 1,
  );
  const own: Record<string, unknown> = { ...chosen.settings };
  return names.map((name) => `${name} ${String(own[name] ?? 'none')}`).join(', ');
}
