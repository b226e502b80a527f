import { ConfigError, DataError, type StageOptions } from '@hadamard-adapter/core';
import { type DeviceFlags, openModel, openTokenizer } from '@hadamard-adapter/cli/internal';
import { analyzeAttention, type AttentionAnalysis } from './attention.js';
import { compareMethods } from './compare-methods.js';
import { hasDevData, taskData, unscorable, type DevFlags, type TaskData, type TokenizerFor } from './dev-data.js';
import { trainJointly, type JointTask } from './joint.js';
import { analyzeLayers, mostEvaluations, signsOf, type LayerAnalysis } from './layers.js';
import { likenesses, spreads } from './patterns.js';
import { numbersOf } from './prune.js';
import { attentionSection } from './report/attention.js';
import { layersSection } from './report/layers.js';
import { methodsSection } from './report/methods.js';
import { patternsSection } from './report/patterns.js';
import { sensitivitySection } from './report/sensitivity.js';
import { sharingSection } from './report/sharing.js';
import type { Material, Run } from './runs.js';
import { openScorers, type Scorer } from './scorer.js';
import { analyzeSensitivity } from './sensitivity.js';
import { analyzeSharing } from './sharing.js';
import type { DataTable, Section } from './table.js';

export const ANALYSES = ['methods', 'layers', 'patterns', 'sharing', 'attention', 'sensitivity'] as const;

export type AnalysisName = (typeof ANALYSES)[number];

/** Training of one adapter for all tasks. */
export interface JointOptions {
  readonly stage: StageOptions;
  /** Rows of each task. */
  readonly examples: number;
  readonly seed: number;
}

export interface AnalyzeRequest {
  readonly material: Material;
  /** Default: all that the material allows. */
  readonly only?: readonly AnalysisName[];
  readonly model?: string;
  readonly data: DevFlags;
  readonly device: DeviceFlags;
  /** Loss of score that elimination accepts, in the unit of the score. */
  readonly budget: number;
  /** Rows that attention outputs are looked at for. */
  readonly attentionRows: number;
  readonly joint?: JointOptions;
  /** Told how far each analysis is. */
  readonly progress: (doing: string, done: number, total: number) => void;
}

/** An analysis, or a part of one, that could not be done. */
export interface LeftOut {
  readonly analysis: AnalysisName;
  readonly what: string;
  readonly reason: string;
}

export interface Analyzed {
  /** Of the base model. */
  readonly base: string;
  readonly runs: DataTable;
  readonly sections: readonly Section[];
  readonly leftOut: readonly LeftOut[];
}

/**
 * Do all analyses that the material allows.
 *
 * @throws ConfigError ANALYZE_NEEDS for an analysis that was asked for by name and cannot be done, ANALYZE_DATA;
 *   MismatchError when adapters and model do not belong together; errors of reading model and data.
 */
export async function analyze(request: AnalyzeRequest): Promise<Analyzed> {
  const { material, only } = request;
  const { runs, rows } = material;
  const sections = new Map<AnalysisName, Section>();
  const leftOut: LeftOut[] = [];
  const wanted = (analysis: AnalysisName): boolean => only === undefined || only.includes(analysis);
  /** What was asked for by name must be there; the rest is listed. */
  const leave: Into['leave'] = (analysis, what, reason, expected, { refuse = true } = {}) => {
    if (!wanted(analysis)) return;
    if (only !== undefined && refuse)
      throw new ConfigError(`The analysis ${analysis} cannot be done`, {
        code: 'ANALYZE_NEEDS',
        found: reason,
        expected,
      });
    leftOut.push({ analysis, what, reason: `${reason}; it needs ${expected}` });
  };

  if (wanted('methods')) {
    const found = compareMethods(rows);
    if (new Set(found.map(({ label }) => label)).size > 1) sections.set('methods', methodsSection(found));
    else
      leave(
        'methods',
        'everything',
        rows.length === 0 ? NO_SWEEP : 'runs of one method only',
        'results of a sweep over methods',
      );
  }
  if (wanted('sensitivity')) {
    const found = analyzeSensitivity(rows);
    if (found.length > 0) sections.set('sensitivity', sensitivitySection(found));
    else
      leave(
        'sensitivity',
        'everything',
        rows.length === 0 ? NO_SWEEP : 'no two runs differ in one setting only',
        'results of a sweep over learning rates, batch sizes or epochs',
      );
  }
  const tasks = new Set(runs.map(({ task }) => task));
  if (runs.length === 0)
    for (const analysis of ['layers', 'patterns', 'sharing', 'attention'] as const)
      leave(analysis, 'everything', 'no adapter was named', 'adapter folders, or a sweep with the method hadamard');
  else {
    if (wanted('patterns')) {
      sections.set('patterns', patternsSection(runs, likenesses(runs), spreads(runs)));
      if (tasks.size < 2)
        leave(
          'patterns',
          'likeness between tasks',
          `adapters of one task only (${[...tasks].join('')})`,
          'adapters of two tasks or more',
        );
    }
    if (wanted('sharing') && tasks.size < 2)
      leave(
        'sharing',
        'everything',
        `adapters of one task only (${[...tasks].join('')})`,
        'adapters of two tasks or more',
      );
    await scoreAll(request, {
      sections,
      wanted,
      leave,
      leaveRun: (run, reason) => leftOut.push({ analysis: 'layers', what: `all that scores ${run.name}`, reason }),
    });
  }
  return {
    base: runs[0]?.adapter.config.base_model_name_or_path ?? '',
    runs: runsTable(material),
    sections: ANALYSES.flatMap((name) => sections.get(name) ?? []),
    leftOut,
  };
}

const NO_SWEEP = 'no results of a sweep were named';

interface Into {
  readonly sections: Map<AnalysisName, Section>;
  wanted(analysis: AnalysisName): boolean;
  leave(
    analysis: AnalysisName,
    what: string,
    reason: string,
    expected: string,
    options?: { readonly refuse?: boolean },
  ): void;
  leaveRun(run: Run, reason: string): void;
}

const SCORING = ['layers', 'sharing', 'attention'] as const;

/** The analyses that need model and data. */
async function scoreAll(request: AnalyzeRequest, { sections, wanted, leave, leaveRun }: Into): Promise<void> {
  const {
    material: { runs },
    model,
    data,
    device,
    budget,
    attentionRows,
    progress,
  } = request;
  const signs = new Map(runs.map((run) => [run, signsOf(run)]));
  const names = SCORING.filter(wanted);
  const missing = [...(model === undefined ? ['--model'] : []), ...(hasDevData(data) ? [] : ['--data or --dev'])];
  const scored = runs.filter((run) => unscorable(run.adapter.config) === undefined);
  if (missing.length > 0 || model === undefined || scored.length === 0 || names.length === 0) {
    if (wanted('layers')) sections.set('layers', layersSection(signs, [], budget));
    const reason = missing.length > 0 ? `no ${missing.join(' and no ')}` : 'no adapter that can be scored';
    if (wanted('layers'))
      leave('layers', 'all but how far layers have moved', reason, 'a model and labelled rows', { refuse: false });
    for (const name of names.filter((each) => each !== 'layers'))
      leave(name, 'everything', reason, 'a model and labelled rows');
    return;
  }
  for (const run of runs) {
    const why = unscorable(run.adapter.config);
    if (why !== undefined) leaveRun(run, why);
  }
  // Data first: it is read faster than a model, and whatever is wrong with it is known at once.
  const tables = taskData(data);
  for (const run of scored) await tables.tables(run);
  const folder = await openModel(model);
  const tokenizer: TokenizerFor = (maxLength) => openTokenizer(folder, maxLength);
  const scorers = openScorers(folder, device);
  try {
    const all = new Map<Run, Scorer>();
    for (const run of scored) all.set(run, await scorers.of(run, await tables.dev(run, tokenizer)));
    // One run stands for its task where tasks are compared.
    const ofTasks = [
      ...new Map([...all.values()].toReversed().map((scorer) => [scorer.run.task, scorer])).values(),
    ].toReversed();
    if (wanted('layers')) {
      const found: LayerAnalysis[] = [];
      for (const scorer of all.values()) {
        const total = mostEvaluations(scorer.run.adapter.config.layers.length);
        found.push(
          await analyzeLayers(scorer, budget, (done) => progress(`layers of ${scorer.run.name}`, done, total)),
        );
      }
      sections.set('layers', layersSection(signs, found, budget));
    }
    if (wanted('sharing') && ofTasks.length > 1) {
      const joint =
        request.joint === undefined
          ? undefined
          : await jointAdapter(ofTasks, request.joint, tables, tokenizer, (done, total) =>
              progress('training one adapter for all tasks', done, total),
            );
      sections.set(
        'sharing',
        sharingSection(await analyzeSharing(ofTasks, joint, (done, total) => progress('shared adapters', done, total))),
      );
    }
    if (wanted('attention')) {
      const found: AttentionAnalysis[] = [];
      for (const scorer of ofTasks)
        found.push(
          await analyzeAttention(scorer, folder.config, attentionRows, (done, total) =>
            progress(`attention outputs of ${scorer.run.name}`, done, total),
          ),
        );
      sections.set('attention', attentionSection(found));
    }
  } finally {
    await scorers.dispose();
  }
}

/** @throws DataError ANALYZE_TRAIN when a task has nothing to train on. */
async function jointAdapter(
  scorers: readonly Scorer[],
  { stage, examples, seed }: JointOptions,
  tables: TaskData,
  tokenizer: TokenizerFor,
  onStep: (done: number, total: number) => void,
): Promise<Float32Array> {
  const tasks: JointTask[] = [];
  for (const scorer of scorers) {
    const { task } = scorer.run;
    const train = await tables.train(scorer.run, tokenizer, examples);
    if (train === undefined)
      throw new DataError(`There is nothing to train ${task} on`, {
        code: 'ANALYZE_TRAIN',
        expected: `--data, or --train ${task}=FILE`,
      });
    tasks.push({ scorer, train });
  }
  return trainJointly(tasks, stage, seed, onStep);
}

/** What was looked at. */
function runsTable({ runs }: Material): DataTable {
  return {
    name: 'runs',
    columns: [
      { key: 'run', title: 'run' },
      { key: 'task', title: 'task' },
      { key: 'seed', title: 'seed' },
      { key: 'site', title: 'site' },
      { key: 'norm', title: 'norm' },
      { key: 'layers', title: 'layers' },
      { key: 'numbers', title: 'numbers' },
      { key: 'score', title: 'score in the sweep', digits: 4 },
    ],
    rows: runs.map((run) => {
      const { config } = run.adapter;
      return {
        run: run.name,
        task: run.task,
        seed: run.seed,
        site: config.site,
        norm: config.norm,
        layers: `${config.layers.length} of ${config.num_layers}`,
        numbers: numbersOf(run.adapter),
        score: run.score,
      };
    }),
  };
}
