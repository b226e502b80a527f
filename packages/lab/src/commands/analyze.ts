import { Command, InvalidArgumentError, Option } from 'commander';
import { METRICS } from '@hadamard-adapter/core';
import type { AnalysisName, Analyzed } from '../analyze/analyze.js';
import { devFlags } from '../analyze/dev-data.js';
import { POINT, formatCell, type DataTable } from '../analyze/table.js';
import {
  type DeviceFlags,
  deviceOf,
  integer,
  jsonOption,
  list,
  number,
  print,
  printJson,
  table,
  version,
  withDevice,
} from '@hadamard-adapter/cli/internal';
import { checkWritable } from '@hadamard-adapter/hub/node';
import { noSteps, stepBars } from '../output/steps.js';

interface AnalyzeFlags extends DeviceFlags {
  readonly model?: string;
  readonly method?: string[];
  readonly task?: string[];
  readonly seed?: number[];
  readonly only?: AnalysisName[];
  readonly budget: number;
  readonly attentionRows: number;
  readonly jointEpochs: number;
  readonly jointExamples: number;
  readonly jointLr: number;
  readonly report?: string;
  readonly json?: boolean;
}

const NAMES: readonly AnalysisName[] = ['methods', 'layers', 'patterns', 'sharing', 'attention', 'sensitivity'];

export function analyzeCommand(): Command {
  const command = new Command('analyze')
    .description(
      'compare methods of sweeps and look into trained adapters: redundant layers, tuning patterns, shared ' +
        'adapters, attention outputs, sensitivity; with --report as a page',
    )
    .argument('<run...>', 'adapter folders, and results.sqlite or output folders of sweeps')
    .option(
      '--model <model>',
      'base model of the adapters, for all that scores: model folder, .onnx or .safetensors file, or hub id',
    )
    .option('--data <folder>', 'folder of the GLUE tasks, to score on')
    .option('--dev <file>', 'table to score on; TASK=FILE for the table of one task, repeatable', list)
    .option('--limit-dev <n>', 'score on this many rows of each task', integer(1))
    .option('--text-column <name>', 'column of the text')
    .option('--pair-column <name>', 'column of the second text, for tasks on pairs')
    .option('--label-column <name>', 'column of the label')
    .addOption(
      new Option('--format <format>', 'format of the tables (default: by extension)').choices([
        'csv',
        'tsv',
        'jsonl',
        'parquet',
      ]),
    )
    .addOption(new Option('--metric <name>', "score with another metric than the task's").choices(Object.keys(METRICS)))
    .option('--max-length <n>', 'cut texts to this many tokens', integer(3))
    .option('--method <label>', 'of sweeps only runs of this method, repeatable', list)
    .option('--task <name>', 'only runs of this task, repeatable', list)
    .option(
      '--seed <n>',
      'of sweeps only runs with this seed, repeatable',
      (text: string, before: readonly number[] = []) => [...before, integer(0)(text)],
    )
    .option('--only <names>', `only some analyses: ${NAMES.join(', ')}`, analysisNames)
    .option('--budget <points>', 'points of score that elimination may lose; a point is 0.01', number(0, 100), 0.5)
    .option('--attention-rows <n>', 'rows for which attention outputs are looked at', integer(1), 128)
    .option('--joint-epochs <n>', 'also train one adapter for all tasks together; 0 for none', integer(0), 0)
    .option('--train <file>', 'table to train it on where there is no --data; TASK=FILE for one task, repeatable', list)
    .option('--joint-examples <n>', 'rows of each task that it is trained on', integer(2), 1000)
    .option('--joint-lr <rate>', 'learning rate of that training', number(0), 3e-3)
    .option('--report <file>', 'page to write, with a CSV file beside it for each table');
  return withDevice(command).addOption(jsonOption()).action(runAnalyze);
}

function analysisNames(text: string): AnalysisName[] {
  const names = text.split(',').map((name) => name.trim());
  const known = names.flatMap((name) => NAMES.find((each) => each === name) ?? []);
  if (known.length === names.length) return known;
  throw new InvalidArgumentError(`There are ${NAMES.join(', ')}.`);
}

async function runAnalyze(places: string[], flags: AnalyzeFlags & Record<string, unknown>): Promise<void> {
  // Plots and linear algebra are only read by those who ask for them.
  const [{ analyze }, { readMaterial }, { tablesOf, writeReport }] = await Promise.all([
    import('../analyze/analyze.js'),
    import('../analyze/runs.js'),
    import('../analyze/write-report.js'),
  ]);
  if (flags.report !== undefined) await checkWritable(flags.report);
  const { method, task, seed } = flags;
  const material = await readMaterial(places, {
    ...(method === undefined ? {} : { method }),
    ...(task === undefined ? {} : { task }),
    ...(seed === undefined ? {} : { seed }),
  });
  const view = flags.json === true && !process.stderr.isTTY ? noSteps() : stepBars();
  try {
    const analyzed = await analyze({
      material,
      data: devFlags(flags),
      device: deviceOf(flags),
      budget: flags.budget * POINT,
      attentionRows: flags.attentionRows,
      ...(flags.model === undefined ? {} : { model: flags.model }),
      ...(flags.only === undefined ? {} : { only: flags.only }),
      ...(flags.jointEpochs === 0
        ? {}
        : {
            joint: {
              stage: { epochs: flags.jointEpochs, learningRate: flags.jointLr },
              examples: flags.jointExamples,
              seed: 0,
            },
          }),
      progress: view.show,
    });
    view.stop();
    const files = flags.report === undefined ? [] : await writeReport(flags.report, analyzed, version());
    if (flags.json === true) {
      const tables = Object.fromEntries(tablesOf(analyzed).map(({ name, rows }) => [name, rows]));
      printJson({
        base: analyzed.base,
        findings: analyzed.sections.flatMap(({ findings }) => findings),
        tables,
        leftOut: analyzed.leftOut,
        passedOver: material.passedOver,
        files,
      });
    } else printAnalysis(analyzed, material.passedOver, files);
  } finally {
    view.stop();
  }
}

function printAnalysis({ runs, sections, leftOut }: Analyzed, passedOver: number, files: readonly string[]): void {
  printTable(runs);
  if (passedOver > 0) print(`${passedOver} more adapters in the results are of settings that did worse`);
  for (const { title, findings, blocks } of sections) {
    print(`\n${title.toUpperCase()}`);
    for (const finding of findings) print(`  ${finding}`);
    for (const { title: name, table: numbers, long = false } of blocks) {
      if (long) continue;
      print(`\n${name}`);
      printTable(numbers);
    }
  }
  if (leftOut.length > 0) print();
  for (const { analysis, what, reason } of leftOut) print(`left out: ${analysis}, ${what}: ${reason}`);
  if (files.length > 0) print(`\nwrote ${files[0]} and ${files.length - 1} CSV files beside it`);
}

function printTable({ columns, rows }: DataTable): void {
  print(
    table(
      columns.map(({ title }) => title),
      rows.map((row) => columns.map((column) => formatCell(row[column.key], column))),
    ),
  );
}
