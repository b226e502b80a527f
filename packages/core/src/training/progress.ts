/**
 * Turn the progress callback of a promise into a sequence, so that a generator can pass it on while the work runs.
 * Reports that come faster than they are read are merged into the latest. When the reader leaves early, the work is
 * told to stop and waited for: two users of one model at a time would be worse.
 */
export async function* withProgress<T>(
  work: (report: (done: number, total: number) => void, signal: AbortSignal) => Promise<T>,
  outer?: AbortSignal,
): AsyncGenerator<{ readonly done: number; readonly total: number }, T> {
  const left = new AbortController();
  let latest: { done: number; total: number } | undefined;
  let settled = false;
  let wake = (): void => {};
  const report = (done: number, total: number): void => {
    latest = { done, total };
    wake();
  };
  const result = work(report, outer === undefined ? left.signal : AbortSignal.any([outer, left.signal])).finally(() => {
    settled = true;
    wake();
  });
  const quiet = result.then(
    () => {},
    () => {},
  );
  try {
    for (;;) {
      if (latest !== undefined) {
        const next = latest;
        latest = undefined;
        yield next;
      } else if (settled) {
        return await result;
      } else {
        await new Promise<void>((resolve) => (wake = resolve));
      }
    }
  } finally {
    left.abort();
    await quiet;
  }
}
