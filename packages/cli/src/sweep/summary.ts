import { share } from '@hadamard-adapter/core';
import type { PlannedRun } from './plan-runs.js';
import type { RunRow } from './results.js';
import { pairedDifference, summarize, type Summary } from './statistics.js';

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
  readonly method: string;
  readonly shown: Readonly<Record<string, unknown>>;
  readonly seeds: number;
  readonly rows: RunRow[];
}

/** What the finished runs of a sweep say. */
export function summarizeSweep(runs: readonly PlannedRun[], finished: readonly RunRow[], against: string): SweepSummary {
  const byKey = new Map(finished.map((row) => [row.key, row]));
  const cells = new Map<string, Cell>();
  for (const { key, task, method, variant, shown } of runs) {
    const name = JSON.stringify([task, method, variant]);
    const before = cells.get(name);
    const row = byKey.get(key);
    const rows = [...(before?.rows ?? []), ...(row === undefined ? [] : [row])];
    cells.set(name, { task, method, shown, seeds: (before?.seeds ?? 0) + 1, rows });
  }
  const all = [...cells.values()];
  const best = bestOf(all);
  return {
    settings: all.map((cell) => settingOf(cell, Object.keys(cell.shown).length > 0 && best.get(groupOf(cell)) === cell)),
    differences: [...best.values()]
      .filter(({ method }) => method !== against)
      .map((cell) => {
        const reference = best.get(groupOf({ task: cell.task, method: against }));
        const difference = reference === undefined ? undefined : pairedDifference(scoresOf(cell), scoresOf(reference));
        return { task: cell.task, method: cell.method, against, shown: cell.shown, ...(difference === undefined ? {} : { difference }) };
      }),
  };
}

const groupOf = ({ task, method }: Pick<Cell, 'task' | 'method'>): string => JSON.stringify([task, method]);

const scoresOf = ({ rows }: Cell): Map<number, number> => new Map(rows.map(({ seed, score }) => [seed, score]));

/** The cell with the highest mean for each method on each task; the first of equals. */
function bestOf(cells: readonly Cell[]): Map<string, Cell> {
  const best = new Map<string, { cell: Cell; mean: number }>();
  for (const cell of cells) {
    const mean = summarize(cell.rows.map(({ score }) => score))?.mean ?? Number.NEGATIVE_INFINITY;
    const before = best.get(groupOf(cell));
    if (before === undefined || mean > before.mean) best.set(groupOf(cell), { cell, mean });
  }
  return new Map([...best].map(([name, { cell }]) => [name, cell]));
}

function settingOf({ task, method, shown, seeds, rows }: Cell, best: boolean): SettingSummary {
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
    ...(first === undefined ? {} : { trainable: first.trainable, share: share(first.trainable, first.total) }),
  };
}
