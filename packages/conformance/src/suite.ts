import { messageOf } from '@hadamard-adapter/core/internal';
import { HadamardError } from '@hadamard-adapter/core';
import type { Bench, Case, Errors } from './cases/case.js';
import { collectCases, keyPattern, type Filter } from './collect.js';
import { tolerancesFor } from './precision.js';
import type { Driver, DriverOptions, LoadedModel } from '@hadamard-adapter/core/driver';
import type { Fixture } from './fixture.js';
import { emptyTally, tallied, type CaseResult, type SuiteReport } from './report.js';

export interface SuiteOptions extends Filter {
  /** Called after each case. */
  readonly onCase?: (result: CaseResult) => void;
  readonly signal?: AbortSignal;
}

/**
 * Run the suite against a driver. A runtime × device is conformant when nothing failed.
 *
 * A declared gap is run and must fail; when it passes, that is reported as a failure, so that the list of gaps stays
 * true.
 */
export async function runSuite(
  driver: Driver,
  fixtures: readonly Fixture[],
  { onCase, signal, ...filter }: SuiteOptions = {},
): Promise<SuiteReport> {
  const started = performance.now();
  const { cases, notCovered } = collectCases(fixtures, filter);
  const tally = emptyTally();
  const rooms = modelRooms(driver);
  try {
    for (const one of cases) {
      if (signal?.aborted === true) break;
      const gap = driver.gaps?.find(({ key }) => keyPattern(key).test(one.key));
      const result = await runCase(one, driver, rooms);
      // Not inside the optional call: without a listener its arguments are never evaluated, and nothing would be
      // counted.
      const outcome = tallied(tally, one, result, gap);
      onCase?.(outcome);
    }
  } finally {
    await rooms.close();
  }
  return {
    runtime: driver.runtime,
    device: driver.device,
    ...tally,
    notCovered,
    seconds: (performance.now() - started) / 1000,
  };
}

/** @returns the errors measured, or what failed. */
async function runCase(one: Case, driver: Driver, rooms: ModelRooms): Promise<Errors | string> {
  const own: LoadedModel[] = [];
  const bench: Bench = {
    driver,
    tolerances: tolerancesFor(one.precision, driver.tolerances),
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
    return `${code}${messageOf(error)}`;
  } finally {
    for (const model of own) await end(model);
  }
}

/**
 * That disposing works is what `dispose/refuses-use` asserts; here its failure must not cost the report of all the
 * other cases.
 */
async function end(model: LoadedModel): Promise<void> {
  try {
    await model.dispose();
  } catch {
    // See above.
  }
}

async function load(driver: Driver, { fixture, family, variant }: Case, options: DriverOptions): Promise<LoadedModel> {
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
    if (current !== undefined) await end(current.model);
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
