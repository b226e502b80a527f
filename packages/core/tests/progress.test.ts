import { describe, expect, it } from 'vitest';
import { withProgress } from '../src/index.js';

describe('withProgress', () => {
  it('passes reports on while the work runs, merged when they come too fast, and returns its result', async () => {
    const run = withProgress(async (report) => {
      report(1, 3);
      report(2, 3);
      await new Promise((resolve) => setTimeout(resolve, 5));
      report(3, 3);
      return 'done';
    });
    const seen: number[] = [];
    for (let next = await run.next(); ; next = await run.next()) {
      if (next.done === true) {
        expect(next.value).toBe('done');
        break;
      }
      seen.push(next.value.done);
    }
    expect(seen).toEqual([2, 3]);
  });

  it('passes a failure on', async () => {
    const run = withProgress(async () => {
      throw new RangeError('no');
    });
    await expect(run.next()).rejects.toThrow('no');
  });

  it('stops the work and waits for it when the reader leaves', async () => {
    let stopped = false;
    const work = withProgress(async (report, signal) => {
      report(0, 1);
      await new Promise<void>((resolve) => signal.addEventListener('abort', () => setTimeout(resolve, 5)));
      stopped = true;
    });
    for await (const _ of work) break;
    expect(stopped).toBe(true);
  });
});
