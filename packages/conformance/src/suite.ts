import { HadamardError } from '@hadamard-adapter/core';
import type { Bench, Case, Errors } from './cases/case.js';
import { collectCases, keyPattern, type Filter, type NotCovered } from './collect.js';
import { FLOAT32_TOLERANCES, type Driver, type LoadOptions, type LoadedModel } from './driver.js';
import type { Fixture } from './fixture.js';

export interface SuiteOptions extends Filter {
  /** Called after each case. */
  readonly onCase?: (result: CaseResult) => void;
  readonly signal?: AbortSignal;
}

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

/**
 * Run the suite against a driver. A runtime × device is conformant when nothing failed.
 *
 * A declared gap is run and must fail; when it passes, that is reported as a failure, so that the list of gaps stays true.
 */
export async function runSuite(driver: Driver, fixtures: readonly Fixture[], { onCase, signal, ...filter }: SuiteOptions = {}): Promise<SuiteReport> {
  const started = performance.now();
  const { cases, notCovered } = collectCases(fixtures, filter);
  const gaps: { key: string; reason: string }[] = [];
  const failures: { key: string; message: string }[] = [];
  const families: Record<string, Errors> = {};
  let passed = 0;
  const rooms = modelRooms(driver);
  try {
    for (const one of cases) {
      if (signal?.aborted === true) break;
      const gap = driver.gaps?.find(({ key }) => keyPattern(key).test(one.key));
      const result = await runCase(one, driver, rooms);
      let outcome: CaseResult;
      if (typeof result !== 'string') {
        const family = (families[one.family] ??= {});
        for (const [what, error] of Object.entries(result) as [keyof Errors, number][]) family[what] = Math.max(family[what] ?? 0, error);
        outcome = gap === undefined ? { key: one.key, outcome: 'passed' } : { key: one.key, outcome: 'failed', message: `declared as a gap (${gap.reason}) but passes: remove the gap` };
      } else outcome = gap === undefined ? { key: one.key, outcome: 'failed', message: result } : { key: one.key, outcome: 'gap', message: gap.reason };
      if (outcome.outcome === 'passed') passed++;
      else if (outcome.outcome === 'gap') gaps.push({ key: one.key, reason: outcome.message ?? '' });
      else failures.push({ key: one.key, message: outcome.message ?? '' });
      onCase?.(outcome);
    }
  } finally {
    await rooms.close();
  }
  return { runtime: driver.runtime, device: driver.device, passed, failed: failures.length, gaps, failures, families, notCovered, seconds: (performance.now() - started) / 1000 };
}

/** @returns the errors measured, or what failed. */
async function runCase(one: Case, driver: Driver, rooms: ModelRooms): Promise<Errors | string> {
  const own: LoadedModel[] = [];
  const bench: Bench = {
    driver,
    tolerances: { ...FLOAT32_TOLERANCES, ...driver.tolerances },
    shared: async () => (await rooms.of(one)).model,
    initial: async () => (await rooms.of(one)).initial,
    async fresh(options) {
      const model = await load(driver, one, { ...one.options, ...options });
      own.push(model);
      return model;
    },
  };
  try {
    return await one.run(bench);
  } catch (error) {
    const code = error instanceof HadamardError ? `[${error.code}] ` : '';
    return `${code}${error instanceof Error ? error.message : String(error)}`;
  } finally {
    for (const model of own) await model.dispose().catch(() => undefined);
  }
}

async function load(driver: Driver, { fixture, family, variant }: Case, options: LoadOptions): Promise<LoadedModel> {
  return driver.load({ family, variant, model: await fixture.model(variant), config: fixture.config }, options);
}

interface ModelRooms {
  of(one: Case): Promise<{ readonly model: LoadedModel; readonly initial: Float32Array }>;
  close(): Promise<void>;
}

/** The one shared model: kept while cases of the same setup follow each other. */
function modelRooms(driver: Driver): ModelRooms {
  let current: { key: string; model: LoadedModel; initial: Float32Array } | undefined;
  const close = async (): Promise<void> => {
    await current?.model.dispose();
    current = undefined;
  };
  return {
    async of(one) {
      const key = JSON.stringify([one.family, one.variant, one.options]);
      if (current?.key !== key) {
        await close();
        const model = await load(driver, one, one.options);
        current = { key, model, initial: await model.read() };
      }
      return current;
    },
    close,
  };
}
