import { stripVTControlCharacters } from 'node:util';
import { afterEach, expect, it, vi } from 'vitest';
import type { RunResult } from '../src/sweep/result.js';
import type { Run } from '../src/sweep/run.js';
import { sweepView } from '../src/sweep/view.js';

const run = (seed: number): Run => ({ task: 'sst2', method: 'hadamard', seed }) as Run;
const result = { metric: 'accuracy', score: 0.75, seconds: 100 } as RunResult;

afterEach(() => vi.useRealTimers());

/** What a view wrote to something that is not a terminal. */
function watched(total: number, done: number): { view: ReturnType<typeof sweepView>; lines: () => string[] } {
  let text = '';
  const stream = { isTTY: false, write: (chunk: string) => (text += chunk) } as unknown as NodeJS.WriteStream;
  return { view: sweepView(total, done, stream), lines: () => stripVTControlCharacters(text).trim().split('\n') };
}

it('says how long the rest takes at the pace so far, failed runs counted too, those of before not', () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  const { view, lines } = watched(8, 4);
  vi.advanceTimersByTime(100_000);
  view.finished('one', run(0), result);
  view.failed('two', run(1), { code: 'ADAPTER_LAYERS', message: 'There is no such layer\nfound 9' });
  vi.advanceTimersByTime(50_000);
  view.finished('one', run(2), result);
  view.finished('two', run(3), result);
  expect(lines()).toEqual([
    '5/8  ✓ sst2, hadamard, seed 0: accuracy 0.7500 (1 min 40 s, 5 min 00 s left)',
    '6/8  ✗ sst2, hadamard, seed 1: [ADAPTER_LAYERS] There is no such layer',
    '7/8  ✓ sst2, hadamard, seed 2: accuracy 0.7500 (1 min 40 s, 50 s left)',
    '8/8  ✓ sst2, hadamard, seed 3: accuracy 0.7500 (1 min 40 s)',
  ]);
});
