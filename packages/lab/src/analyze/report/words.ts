import type { Order, Predictor } from '../layers.js';
import type { Run } from '../runs.js';
import type { Variant } from '../sharing.js';
import { count } from '../table.js';

export const ORDER_NAMES: Readonly<Record<Order, string>> = {
  elimination: 'greedy elimination',
  scale: 'least |w − 1| first',
  shift: 'least |b| first',
  gradient: 'least gradient first',
  lowest: 'lowest layer first',
};

export const PREDICTOR_NAMES: Readonly<Record<Predictor, string>> = {
  scale: 'mean |w − 1|',
  shift: 'mean |b|',
  gradient: 'gradient norm',
};

export const VARIANT_NAMES: Readonly<Record<Variant, string>> = {
  own: 'an adapter for each task',
  scale: 'w shared (mean), b and norms own',
  joint: 'one adapter, trained for all',
  mean: 'one adapter, mean of all',
  none: 'no adapter',
};

/** `over 5 runs (1 task, 5 seeds)`, as captions count. */
export function countRuns(runs: readonly Run[]): string {
  const tasks = new Set(runs.map(({ task }) => task)).size;
  return `${count(runs.length, 'run')} of ${count(tasks, 'task')}`;
}

/** Tasks in the order of the runs. */
export const tasksOf = (runs: readonly Run[]): string[] => [...new Set(runs.map(({ task }) => task))];

/** `277 rows`, or `277 to 1,500 rows` where runs have different ones. */
export function countRows(rows: readonly number[]): string {
  const [least, most] = [Math.min(...rows), Math.max(...rows)];
  return least === most ? count(most, 'row') : `${least.toLocaleString('en-US')} to ${count(most, 'row')}`;
}

/** What a table says of a run, in front of its numbers. */
export const RUN_COLUMNS = [
  { key: 'run', title: 'run' },
  { key: 'task', title: 'task' },
] as const;

export const runCells = ({ name, task }: Run): { readonly run: string; readonly task: string } => ({ run: name, task });
