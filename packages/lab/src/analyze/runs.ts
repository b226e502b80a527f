import { stat } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { DataError, MismatchError, shorten } from '@hadamard-adapter/core';
import { decodeAdapter, type Adapter, type AdapterConfig } from '@hadamard-adapter/core/folder';
import { siteVectors, type SiteVectors } from '@hadamard-adapter/core/analysis';
import { readFolder } from '@hadamard-adapter/cli/internal';
import { elementAt } from '@hadamard-adapter/core/internal';
import { readRuns, type RunRow } from '../sweep/results.js';
import { summarize } from '../sweep/statistics.js';
import { tasksApart } from './conditions.js';
import { groupBy } from '../group-by.js';

/** A trained adapter to look at. */
export interface Run {
  /** Unique among the runs: name of the folder, or task and seed. */
  readonly name: string;
  readonly task: string;
  /** Of a run of a sweep. */
  readonly seed?: number;
  /** The score that the sweep noted. */
  readonly score?: number;
  readonly adapter: Adapter;
  readonly sites: readonly SiteVectors[];
}

export interface Material {
  /** By task, in the order in which they were named. All are adapters of one base model, at the same places. */
  readonly runs: readonly Run[];
  /**
   * Runs of sweeps, of any method, for what only needs their scores. A task that was run under several conditions has
   * several names.
   */
  readonly rows: readonly RunRow[];
  /** Adapters in sweeps that are not among `runs`, since another setting of their task is better. */
  readonly passedOver: number;
}

export interface RunFilters {
  /** Labels of methods. */
  readonly method?: readonly string[];
  readonly task?: readonly string[];
  readonly seed?: readonly number[];
}

const RESULTS = 'results.sqlite';

/**
 * Read adapter folders and results of sweeps. A run that several results have counts once. Of a sweep that tried
 * several settings, the adapters of the best setting of each task (by mean score, among those with most seeds) are
 * looked at, all at the same site and norm.
 *
 * @throws DataError ANALYZE_NOTHING when nothing is left to look at; MismatchError ADAPTER_BASE_MISMATCH,
 *   ADAPTER_SHAPE_MISMATCH, ADAPTER_SITE_MISMATCH for adapters that cannot be compared; what `decodeAdapter` and
 *   `readRuns` throw.
 */
export async function readMaterial(places: readonly string[], filters: RunFilters = {}): Promise<Material> {
  const folders: Run[] = [];
  const byKey = new Map<string, RunRow>();
  for (const place of places) {
    const results = await resultsAt(place);
    if (results === undefined) folders.push(await readAdapterRun(place));
    else for (const row of readRuns(results)) if (!byKey.has(row.key)) byKey.set(row.key, row);
  }
  const rows = [...byKey.values()];
  const matching = rows.filter(
    ({ method, task, seed }) =>
      passes(filters.method, method) && passes(filters.task, task) && passes(filters.seed, seed),
  );
  const adapters = matching.filter(({ files }) => files !== undefined);
  const names = tasksApart(matching);
  const best = bestSettings(adapters, names);
  const runs = [...folders.filter(({ task }) => passes(filters.task, task)), ...best.map(runOf)];
  if (runs.length === 0 && matching.length === 0) {
    throw new DataError('There is nothing to analyze', {
      code: 'ANALYZE_NOTHING',
      found: `${folders.length + rows.length} runs in ${places.join(', ')}, none that the filters leave`,
      expected: 'an adapter folder, or results of a sweep',
    });
  }
  checkComparable(runs);
  const order = [...new Set(runs.map(({ task }) => task))];
  const apart = matching.map((row) => ({ ...row, task: names.get(row) ?? row.task }));
  return {
    runs: named(runs.toSorted((a, b) => order.indexOf(a.task) - order.indexOf(b.task))),
    rows: apart,
    passedOver: adapters.length - best.length,
  };
}

/** @throws DataError FOLDER_MISSING; what `decodeAdapter` throws. */
export async function readAdapterRun(place: string): Promise<Run> {
  const adapter = decodeAdapter(await readFolder(place, 'The adapter folder'));
  const name = basename(resolve(place));
  return { name, task: adapter.config.task ?? name, adapter, sites: siteVectors(adapter) };
}

/** The file of results, where the place is one, or the folder of a sweep. */
async function resultsAt(place: string): Promise<string | undefined> {
  const isFile = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined))?.isFile() === true;
  if (await isFile(place)) return place;
  const inside = join(place, RESULTS);
  return (await isFile(inside)) ? inside : undefined;
}

const passes = <T>(wanted: readonly T[] | undefined, value: T): boolean =>
  wanted === undefined || wanted.includes(value);

/** Where an adapter is: adapters at different places are not comparable. */
const placeOf = ({ model, settings: { site, norm } }: RunRow): string => JSON.stringify([model, site, norm]);

interface BestRows {
  readonly rows: readonly RunRow[];
  readonly mean: number;
}

/**
 * The rows of the best setting of each task, all at one place: the one with adapters for most tasks, and of several the
 * one with the highest scores. The first of equals.
 */
function bestSettings(rows: readonly RunRow[], names: ReadonlyMap<RunRow, string>): RunRow[] {
  const places = [...groupBy(rows, placeOf).values()].map((group) => {
    const best = [...groupBy(group, ({ task }) => task).values()].map((ofTask) => bestOf(ofTask, names));
    return {
      best,
      tasks: best.length,
      mean: summarize(best.map(({ mean }) => mean))?.mean ?? Number.NEGATIVE_INFINITY,
    };
  });
  const [chosen] = places.toSorted((a, b) => b.tasks - a.tasks || b.mean - a.mean);
  return (chosen?.best ?? []).flatMap((group) => group.rows.toSorted((a, b) => a.seed - b.seed));
}

/**
 * Of one task, under one condition: the highest mean among the settings with most seeds, so that a lucky run does not
 * stand for a task.
 */
function bestOf(rows: readonly RunRow[], names: ReadonlyMap<RunRow, string>): BestRows {
  const settings = [...groupBy(rows, (row) => JSON.stringify([names.get(row), row.method, row.settings])).values()];
  const ranked = settings
    .map((own): BestRows => ({
      rows: own,
      mean: summarize(own.map(({ score }) => score))?.mean ?? Number.NEGATIVE_INFINITY,
    }))
    .toSorted((a, b) => b.rows.length - a.rows.length || b.mean - a.mean);
  return elementAt(ranked, 0);
}

function runOf({ task, seed, score, files = {} }: RunRow): Run {
  const adapter = decodeAdapter(files);
  return { name: `${task} seed ${seed}`, task, seed, score, adapter, sites: siteVectors(adapter) };
}

/** Folders of different places may have the same name. */
function named(runs: readonly Run[]): Run[] {
  const seen = new Map<string, number>();
  return runs.map((run) => {
    const times = (seen.get(run.name) ?? 0) + 1;
    seen.set(run.name, times);
    return times === 1 ? run : { ...run, name: `${run.name} (${times})` };
  });
}

const COMPARED: readonly (readonly [string, string, (config: AdapterConfig) => string])[] = [
  ['base weights', 'ADAPTER_BASE_MISMATCH', ({ base_weights_sha256 }) => base_weights_sha256],
  ['hidden size', 'ADAPTER_SHAPE_MISMATCH', ({ hidden_size }) => String(hidden_size)],
  ['number of layers', 'ADAPTER_SHAPE_MISMATCH', ({ num_layers }) => String(num_layers)],
  ['site', 'ADAPTER_SITE_MISMATCH', ({ site }) => site],
  ['norm', 'ADAPTER_SITE_MISMATCH', ({ norm }) => norm],
  ['cross-attention', 'ADAPTER_SITE_MISMATCH', ({ cross_attention = false }) => String(cross_attention)],
];

/** Vectors of different bases or places have nothing to do with each other. */
function checkComparable(runs: readonly Run[]): void {
  const [first] = runs;
  if (first === undefined) return;
  for (const run of runs) {
    for (const [what, code, of] of COMPARED) {
      const [found, expected] = [of(run.adapter.config), of(first.adapter.config)];
      if (found === expected) continue;
      throw new MismatchError(`Adapters with another ${what} cannot be compared`, {
        code,
        found: `${found} in ${shorten(run.name)}`,
        expected: `${expected} as in ${shorten(first.name)}`,
        hint: 'Analyze them by themselves, or choose runs with --method and --task.',
      });
    }
  }
}
