import { keysOf } from '@hadamard-adapter/core/internal';
import type { Errors } from './cases/case.js';
import type { NotCovered } from './collect.js';
import type { Gap } from '@hadamard-adapter/core/driver';
import type { Precision } from '@hadamard-adapter/core';

export interface CaseResult {
  readonly key: string;
  readonly outcome: 'passed' | 'failed' | 'gap';
  /** What failed, or the reason of a gap. */
  readonly message?: string;
}

export interface SuiteReport {
  readonly runtime: string;
  readonly device: string;
  readonly passed: number;
  readonly failed: number;
  /** Declared gaps that did fail. */
  readonly gaps: readonly { readonly key: string; readonly reason: string }[];
  readonly failures: readonly { readonly key: string; readonly message: string }[];
  /** Largest absolute errors by family; those of files that are not float32 under `<family> <precision>`. */
  readonly families: Readonly<Record<string, Errors>>;
  /** Cases passed and all cases, by family and model file. */
  readonly models: Readonly<Record<string, Readonly<Record<string, ModelCount>>>>;
  readonly notCovered: readonly NotCovered[];
  readonly seconds: number;
}

export interface ModelCount {
  passed: number;
  total: number;
}

/** The part of a report that grows case by case. */
export interface Tally {
  passed: number;
  failed: number;
  readonly gaps: { key: string; reason: string }[];
  readonly failures: { key: string; message: string }[];
  readonly families: Record<string, Errors>;
  readonly models: Record<string, Record<string, ModelCount>>;
}

export const emptyTally = (): Tally => ({ passed: 0, failed: 0, gaps: [], failures: [], families: {}, models: {} });

/** What is counted: a case, or one of core's that has no model file. */
export interface Counted {
  readonly key: string;
  readonly family: string;
  readonly variant?: string;
  readonly precision?: Precision;
}

/**
 * Count one case.
 *
 * @param result the errors it measured, or what failed.
 */
export function tallied(
  tally: Tally,
  { key, family, variant, precision = 'float32' }: Counted,
  result: Errors | string,
  gap?: Gap,
): CaseResult {
  const outcome = outcomeOf(key, result, gap);
  if (typeof result !== 'string') {
    const worst = (tally.families[precision === 'float32' ? family : `${family} ${precision}`] ??= {});
    for (const what of keysOf(result)) worst[what] = Math.max(worst[what] ?? 0, result[what] ?? 0);
  }
  if (variant !== undefined) {
    const count = ((tally.models[family] ??= {})[variant] ??= { passed: 0, total: 0 });
    count.total++;
    if (outcome.outcome === 'passed') count.passed++;
  }
  if (outcome.outcome === 'passed') tally.passed++;
  else if (outcome.outcome === 'gap') tally.gaps.push({ key, reason: outcome.message ?? '' });
  else {
    tally.failed++;
    tally.failures.push({ key, message: outcome.message ?? '' });
  }
  return outcome;
}

function outcomeOf(key: string, result: Errors | string, gap: Gap | undefined): CaseResult {
  if (typeof result === 'string')
    return gap === undefined
      ? { key, outcome: 'failed', message: result }
      : { key, outcome: 'gap', message: gap.reason };
  return gap === undefined
    ? { key, outcome: 'passed' }
    : { key, outcome: 'failed', message: `declared as a gap (${gap.reason}) but passes: remove the gap` };
}
