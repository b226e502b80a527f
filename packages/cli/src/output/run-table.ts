import { formatCount, formatShare } from '@hadamard-adapter/core';
import type { RunReport } from '../run.js';
import { STORED } from './precision.js';
import { print } from './report.js';
import { table } from './tables.js';
import { duration } from './training.js';

const TITLES: Readonly<Record<string, string>> = { classifier: 'classifier only', adapter: 'Hadamard adapter' };

/** The table a run ends with. */
export function printReport(report: RunReport): void {
  const rows = [
    [
      report.metric === 'accuracy' || report.metric === 'f1' ? 'majority class' : 'constant answer',
      report.majority.toFixed(4),
    ],
    ...report.stages.map(({ name, score }) => [TITLES[name] ?? name, score.toFixed(4)]),
  ];
  print(table(['', report.metric], rows));
  print(
    `trained numbers   ${formatCount(report.trainable)} of ${formatCount(report.total)} ` +
      `(${formatShare(report.share)}), and the classifier`,
  );
  const stored = STORED[report.precision];
  if (stored !== undefined) print(`base              ${stored}`);
  print(`adapter           ${report.adapter} (${(report.adapterBytes / 1024).toFixed(1)} KiB)`);
  print(
    `examples          ${formatCount(report.examples)}` +
      `${report.truncated > 0 ? `, ${formatCount(report.truncated)} cut to the maximum length` : ''}` +
      `${report.skipped > 0 ? `, ${report.skipped} rows skipped` : ''}`,
  );
  print(`time              ${duration(report.seconds)}`);
}
