import { share } from '@hadamard-adapter/core';
import { present } from '@hadamard-adapter/core/internal';
import type { Method } from '../methods.js';
import type { PlannedRun } from './plan-runs.js';
import type { RunRow } from './results.js';
import { pairedDifference, partOfWay, summarize, type Summary } from './statistics.js';

/** One setting of a method on one task, over all seeds. */
export interface SettingSummary {
  readonly task: string;
  readonly method: string;
  /** What the grid of the method sets here. */
  readonly shown: Readonly<Record<string, unknown>>;
  readonly metric: string;
  /** Absent while no run is finished. */
  readonly score?: Summary;
  /** The best setting of its method on this task, by mean; where there are several. */
  readonly best: boolean;
  readonly trainable?: number;
  readonly share?: number;
  /**
   * Of the distance from the classifier alone to full fine-tuning, where the sweep has both and full fine-tuning is
   * above by more than its seeds differ: 1 is as good as full.
   */
  readonly closed?: number;
  /** Seeds that are not finished. */
  readonly missing: number;
}

/** A method beside the one it is compared with, each in its best setting. */
export interface Difference {
  readonly task: string;
  readonly method: string;
  readonly against: string;
  readonly shown: Readonly<Record<string, unknown>>;
  /** Absent without a seed that both have. */
  readonly difference?: Summary;
}

export interface SweepSummary {
  readonly settings: readonly SettingSummary[];
  readonly differences: readonly Difference[];
}

interface Cell {
  readonly task: string;
  /** Its label. */
  readonly method: string;
  readonly kind: Method;
  readonly shown: Readonly<Record<string, unknown>>;
  readonly seeds: number;
  readonly rows: RunRow[];
}

/** What the finished runs of a sweep say. */
export function summarizeSweep(
  runs: readonly PlannedRun[],
  finished: readonly RunRow[],
  against: string,
): SweepSummary {
  const byKey = new Map(finished.map((row) => [row.key, row]));
  const cells = new Map<string, Cell>();
  for (const { key, task, method, settings, variant, shown } of runs) {
    const name = JSON.stringify([task, method, variant]);
    const before = cells.get(name);
    const row = byKey.get(key);
    const rows = [...(before?.rows ?? []), ...(row === undefined ? [] : [row])];
    cells.set(name, { task, method, kind: settings.method, shown, seeds: (before?.seeds ?? 0) + 1, rows });
  }
  const all = [...cells.values()];
  const best = bestOf(all);
  const reference = (of: string, kind: Method): ReadonlyMap<number, number> =>
    scoresOf(highest([...best.values()].filter((cell) => cell.task === of && cell.kind === kind)));
  const closed = (cell: Cell): number | undefined =>
    cell.kind === 'classifier' || cell.kind === 'full'
      ? undefined
      : partOfWay(scoresOf(cell), reference(cell.task, 'classifier'), reference(cell.task, 'full'));
  return {
    settings: all.map((cell) =>
      settingOf(cell, Object.keys(cell.shown).length > 0 && best.get(groupOf(cell)) === cell, closed(cell)),
    ),
    differences: [...best.values()]
      .filter(({ method }) => method !== against)
      .map((cell) => {
        const other = best.get(groupOf({ task: cell.task, method: against }));
        const difference = other === undefined ? undefined : pairedDifference(scoresOf(cell), scoresOf(other));
        return {
          task: cell.task,
          method: cell.method,
          against,
          shown: cell.shown,
          ...(difference === undefined ? {} : { difference }),
        };
      }),
  };
}

const groupOf = ({ task, method }: Pick<Cell, 'task' | 'method'>): string => JSON.stringify([task, method]);

const scoresOf = (cell: Cell | undefined): Map<number, number> =>
  new Map(cell?.rows.map(({ seed, score }) => [seed, score]));

/** The cell with the highest mean; the first of equals. */
const highest = (cells: readonly Cell[]): Cell | undefined => cells.toSorted((a, b) => meanOf(b) - meanOf(a))[0];

const meanOf = ({ rows }: Cell): number => summarize(rows.map(({ score }) => score))?.mean ?? Number.NEGATIVE_INFINITY;

/** The best cell of each method on each task. */
function bestOf(cells: readonly Cell[]): Map<string, Cell> {
  const names = [...new Set(cells.map(groupOf))];
  return new Map(names.map((name) => [name, present(highest(cells.filter((cell) => groupOf(cell) === name)))]));
}

function settingOf(
  { task, method, shown, seeds, rows }: Cell,
  best: boolean,
  closed: number | undefined,
): SettingSummary {
  const score = summarize(rows.map((row) => row.score));
  const [first] = rows;
  return {
    task,
    method,
    shown,
    metric: first?.metric ?? '',
    best: best && score !== undefined,
    missing: seeds - rows.length,
    ...(score === undefined ? {} : { score }),
    ...(closed === undefined ? {} : { closed }),
    ...(first === undefined ? {} : { trainable: first.trainable, share: share(first.trainable, first.total) }),
  };
}
