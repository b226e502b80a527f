import { run, seconds } from '../lib.mjs';

/**
 * Run steps by their order, as many at a time as there are lanes. A step with `lanes: 2` fills both of two; one with
 * `after` waits until those steps are done; two with the same `apart` are never side by side. After a failure no step
 * begins.
 */
export async function runInLanes(steps, lanes, report) {
  const queue = [...steps];
  const running = new Map();
  const names = new Set(steps.map(({ name }) => name));
  const done = new Set();
  const used = () => [...running.keys()].reduce((sum, { lanes: needed = 1 }) => sum + needed, 0);
  const mayStart = ({ lanes: needed = 1, after = [], apart }) =>
    used() + needed <= lanes &&
    after.every((name) => done.has(name) || !names.has(name)) &&
    (apart === undefined || ![...running.keys()].some((other) => other.apart === apart));

  while (running.size > 0 || (queue.length > 0 && !report.failed)) {
    // A step that needs all lanes is not overtaken for ever by small ones: nothing passes it.
    const wide = queue.findIndex(({ lanes: needed = 1 }) => needed === lanes);
    const upTo = wide === -1 ? queue.length : wide + 1;
    const next = report.failed ? -1 : queue.slice(0, upTo).findIndex(mayStart);
    if (next !== -1) {
      const [step] = queue.splice(next, 1);
      running.set(
        step,
        perform(step, report).then(() => {
          running.delete(step);
          done.add(step.name);
        }),
      );
      continue;
    }
    await Promise.race(running.values());
  }
}

/**
 * One step: `command` with `env`, or `work` that is no command. `unless` answers why it is not done here. `count` reads
 * its output; `loud` passes that through while it runs.
 */
async function perform({ name, command, work, loud = false, count, env, unless }, report) {
  const started = performance.now();
  console.log(`── ${name}`);
  const reason = await unless?.();
  if (reason !== undefined) {
    console.log(`   ${name}: skipped: ${reason}`);
    return;
  }
  const { code, output } =
    command === undefined ? await attempt(work) : await run(...command, { loud, env: env?.() ?? {} });
  count?.(output ?? '', name);
  report.took(name, performance.now() - started);
  if (code === 0) {
    console.log(`   ${name}: ${seconds(started)}`);
    return;
  }
  console.error(`${output ?? ''}\n── ${name} failed after ${seconds(started)}`);
  report.failed = true;
}

/** Work that is no command, with the result of one. */
async function attempt(work) {
  try {
    return { code: 0, output: await work() };
  } catch (error) {
    return { code: 1, output: error.message };
  }
}
