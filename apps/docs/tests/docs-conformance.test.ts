import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { collectCases } from '@hadamard-adapter/conformance';
import { packagedFixtures, readFixtures } from '@hadamard-adapter/conformance/node';
import { nodePlatform } from '@hadamard-adapter/onnxruntime/conformance';
import { describe, expect, it } from 'vitest';
import { driverOf } from '../../../packages/cli/src/verify/drivers.js';
import data from '../data/conformance.json' with { type: 'json' };
import { BROWSER_SUITES, VERIFY_RUNS } from '../scripts/suites.mjs';
import { read, root } from './docs-pages.js';

/** What a wrong name is answered with: the right ones. */
async function expectedInstead(runtime: string, device: string): Promise<string[]> {
  const error = await driverOf(runtime, device).catch((cause: unknown) => cause as { expected?: string });
  return (error as { expected?: string }).expected?.split(', ') ?? [];
}

const RECORD = 'record it with node apps/docs/scripts/conformance.mjs';

/** What the file says of a run of `hadamard verify`. */
interface Recorded {
  readonly runtime: string;
  readonly device: string;
  readonly selection: string;
  readonly recorded: string;
  readonly passed: number;
  readonly failed: number;
  readonly gaps: readonly { readonly key: string; readonly reason: string }[];
}

const runs = data.verify as readonly (
  | Recorded
  | { readonly runtime: string; readonly device: string; readonly reason: string }
)[];
const recorded = runs.filter((run) => 'passed' in run);
const fixtures = await readFixtures(packagedFixtures);

describe('the conformance table', () => {
  it('has every runtime and device that hadamard verify knows', async () => {
    const runtimes = await expectedInstead('no-such-runtime', 'cpu');
    const devices: Record<string, readonly string[]> = {
      onnxruntime: nodePlatform.devices,
      tfjs: await expectedInstead('tfjs', 'no-such-device'),
      reference: ['cpu'],
      core: ['cpu'],
    };
    expect(Object.keys(devices).toSorted()).toEqual(runtimes.toSorted());
    const places = Object.entries(devices)
      .flatMap(([runtime, names]) => names.map((device) => `${runtime}/${device}`))
      .toSorted();
    expect(VERIFY_RUNS.map(({ runtime, device }) => `${runtime}/${device}`).toSorted()).toEqual(places);
    expect(runs.map(({ runtime, device }) => `${runtime}/${device}`).toSorted(), RECORD).toEqual(places);
  });

  it('says of each when it was recorded, or why not', () => {
    for (const run of runs) {
      if ('passed' in run) expect(run.recorded).toMatch(/^\d{4}-\d{2}-\d{2}$/);
      else expect(run.reason.length).toBeGreaterThan(20);
    }
    expect(recorded.length).toBeGreaterThan(4);
    expect(Object.keys(data.versions)).toEqual([
      'node',
      'onnxruntime-node',
      'onnxruntime-web',
      '@tensorflow/tfjs',
      '@huggingface/transformers',
    ]);
  });

  it('has the families and the number of cases that there are', () => {
    expect(data.families, RECORD).toEqual(fixtures.map(({ family }) => family));
    const every = collectCases(fixtures).cases.length;
    for (const run of recorded.filter(
      ({ selection, runtime }) => selection === 'every case of every form' && runtime !== 'core',
    ))
      expect(run.passed + run.failed + run.gaps.length, `${run.runtime} on ${run.device}: ${RECORD}`).toBe(every);
  });

  it('has no failure, and a reason for each gap', () => {
    for (const { runtime, device, failed, gaps } of recorded) {
      expect(failed, `${runtime} on ${device}`).toBe(0);
      for (const gap of gaps) expect(gap.reason.length, gap.key).toBeGreaterThan(10);
    }
  });

  it('knows the tests in the browser as they are', () => {
    expect(
      data.browser.map(({ runtime, device }) => `${runtime}/${device}`),
      RECORD,
    ).toEqual(BROWSER_SUITES.map(({ runtime, device }) => `${runtime}/${device}`));
    for (const { file, device, suite, families = data.families, keys } of BROWSER_SUITES) {
      const source = read(file);
      const patterns = families.flatMap((family) => keys(family)).filter((key) => key !== undefined);
      for (const pattern of patterns) expect(source, file).toContain(`'${pattern}'`);
      expect(source, file).toContain(`'${device}'`);
      expect(source, file).toContain(`describe${source.includes('describe.each') ? '.each' : ''}(`);
      expect(source, file).toContain(suite.replace(new RegExp(` on ${device}$`), ' on '));
    }
    for (const run of data.browser)
      for (const [family, { passed, cases }] of Object.entries(run.families))
        expect([family, passed, cases > 0], `${run.runtime} on ${run.device}`).toEqual([family, true, true]);
  });

  it('is made of the file beside it', () => {
    expect(JSON.parse(readFileSync(join(root, 'apps/docs/data/conformance.json'), 'utf8'))).toEqual(data);
  });
});
