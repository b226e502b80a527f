import { present } from '@hadamard-adapter/core/internal';
import { METRICS, meanOf, type Metric } from '@hadamard-adapter/core';
import type { ExampleTable } from './examples.js';
import type { GlueTask } from './glue.js';

/** GLUE scores MRPC and QQP by F1 and accuracy; F1 comes first. */
const f1AndAccuracy: Metric = { ...meanOf('f1_accuracy', METRICS.f1, METRICS.accuracy), main: 'f1' };

const TASK_METRICS: Readonly<Record<string, Metric>> = { ...METRICS, f1_accuracy: f1AndAccuracy };

/** How a GLUE task is scored. */
export function taskMetric(task: GlueTask): Metric {
  return present(TASK_METRICS[task.metric]);
}

/**
 * How a table of one's own is scored unless asked otherwise: accuracy, or the mean of Pearson and Spearman correlation.
 */
export function defaultMetric({ kind }: Pick<ExampleTable, 'kind'>): Metric {
  return kind === 'regression' ? METRICS.pearson_spearmanr : METRICS.accuracy;
}
