import type { Errors } from './cases/case.js';
import type { NotCovered } from './collect.js';
import type { Gap } from './driver.js';

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
  /** Largest absolute errors by family. */
  readonly families: Readonly<Record<string, Errors>>;
  readonly notCovered: readonly NotCovered[];
  readonly seconds: number;
}

/** The part of a report that grows case by case. */
export interface Tally {
  passed: number;
  failed: number;
  readonly gaps: { key: string; reason: string }[];
  readonly failures: { key: string; message: string }[];
  readonly families: Record<string, Errors>;
}

export const emptyTally = (): Tally => ({ passed: 0, failed: 0, gaps: [], failures: [], families: {} });

/**
 * Count one case.
 *
 * @param result the errors it measured, or what failed.
 */
export function tallied(tally: Tally, { key, family }: { readonly key: string; readonly family: string }, result: Errors | string, gap?: Gap): CaseResult {
  const outcome = outcomeOf(key, result, gap);
  if (typeof result !== 'string') {
    const worst = (tally.families[family] ??= {});
    for (const [what, error] of Object.entries(result) as [keyof Errors, number][]) worst[what] = Math.max(worst[what] ?? 0, error);
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
  if (typeof result === 'string') return gap === undefined ? { key, outcome: 'failed', message: result } : { key, outcome: 'gap', message: gap.reason };
  return gap === undefined ? { key, outcome: 'passed' } : { key, outcome: 'failed', message: `declared as a gap (${gap.reason}) but passes: remove the gap` };
}
