import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { checkBudgets } from './budgets.mjs';
import { runInLanes } from './lanes.mjs';
import { Report } from './report.mjs';
import { stepsOf } from './steps.mjs';

beforeEach(() => {
  for (const name of ['log', 'error'] as const) vi.spyOn(console, name).mockImplementation(() => undefined);
});
afterEach(() => vi.restoreAllMocks());

/** Steps that note when they begin and end. */
function noted(): { readonly events: string[]; step(name: string, rest?: object): object } {
  const events: string[] = [];
  const work = async (name: string): Promise<string> => {
    events.push(`${name} begins`);
    await new Promise((resolve) => setTimeout(resolve, 5));
    events.push(`${name} ends`);
    return '';
  };
  return { events, step: (name, rest = {}) => ({ name, work: () => work(name), ...rest }) };
}

describe('lanes', () => {
  it('run two steps at a time, but those apart one after the other, and a wide one alone', async () => {
    const { events, step } = noted();
    const steps = [step('a', { apart: 'x' }), step('b', { apart: 'x' }), step('c'), step('wide', { lanes: 2 })];
    await runInLanes(steps, 2, new Report());
    expect(events.slice(0, 2)).toEqual(['a begins', 'c begins']);
    expect(events.indexOf('b begins')).toBeGreaterThan(events.indexOf('a ends'));
    expect(events.slice(-2)).toEqual(['wide begins', 'wide ends']);
  });

  it('wait for what a step needs, where that is run at all', async () => {
    const { events, step } = noted();
    const steps = [step('last', { after: ['first', 'not chosen'] }), step('first')];
    await runInLanes(steps, 2, new Report());
    expect(events).toEqual(['first begins', 'first ends', 'last begins', 'last ends']);
  });

  it('begin nothing after a failure, and count it', async () => {
    const { events, step } = noted();
    const report = new Report();
    const broken = {
      name: 'broken',
      lanes: 2,
      work: () => {
        throw new Error('no');
      },
    };
    await runInLanes([broken, step('never')], 2, report);
    expect(events).toEqual([]);
    expect(report.closingLine()).toBe('0 passed, 1 failed');
  });
});

describe('budgets', () => {
  const budgets = { 'a.test.ts': { test: 100, all: 100 } };
  const failedBy = (seconds: number, all: boolean, quiet: boolean): boolean => {
    const report = new Report();
    report.files.push({ file: 'a.test.ts', seconds, passed: 1, failed: 0, left: 0 });
    const calibration = { seconds: 0.1, quiet };
    checkBudgets(report, { before: calibration, after: calibration, all }, budgets);
    return report.failed;
  };

  it('fail a quiet run of everything at 1.5 times, and only warn otherwise', () => {
    expect(failedBy(16, true, true)).toBe(true);
    expect(failedBy(14, true, true)).toBe(false);
    expect(failedBy(16, true, false)).toBe(false);
    expect(failedBy(16, false, true)).toBe(false);
    expect(vi.mocked(console.log).mock.calls.flat().join('\n')).toContain('a.test.ts: 16.0 s, its budget is 10.0 s');
  });
});

describe('steps', () => {
  const named = (all: boolean): string[] =>
    stepsOf({ all, scratch: '', report: new Report() }).map(({ name }: { name: string }) => name);

  it('of npm test reach every runtime and device that test:all reaches', () => {
    for (const name of named(true).filter((each) => each !== 'conformance (shared fixtures)'))
      expect(named(false)).toContain(name);
  });
});
