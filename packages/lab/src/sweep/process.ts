import { openModel } from '@hadamard-adapter/cli/internal';
import { folderCheckpoints } from './checkpoint-folder.js';
import { openEnvironment, type Environment } from './environment.js';
import { executeRun, type CheckpointStore } from './execute.js';
import { failureOf } from './failure.js';
import { loadSource } from './load.js';
import type { FromProcess, ProcessSetup, ToProcess } from './protocol.js';
import type { Run } from './run.js';

/**
 * Ends the process: without its parent there is nothing that keeps it. Not in the middle of a message, which Node does
 * not survive when another one waits.
 */
const leave = (): void => void setImmediate(() => process.connected && process.disconnect());

/** The work of a local process of a sweep: it does what its parent sends, one run after the other, and ends with it. */
export function serveRuns(): void {
  const stop = new AbortController();
  let setup: ProcessSetup | undefined;
  let checkpoints: CheckpointStore | undefined;
  let environment: Promise<Environment> | undefined;
  const send = (message: FromProcess): Promise<void> =>
    new Promise((resolve) =>
      process.send === undefined ? resolve() : process.send(message, undefined, undefined, () => resolve()),
    );

  const work = async (run: Run): Promise<void> => {
    if (setup === undefined) throw new Error('a run before the setup');
    const { model, threads, checkpointEvery, running } = setup;
    try {
      environment ??= openModel(model).then((folder) => openEnvironment(folder, loadSource));
      let told = 0;
      const result = await executeRun(run, await environment, {
        threads,
        checkpoints: (checkpoints ??= folderCheckpoints(running, (text) => void send({ type: 'note', text }))),
        checkpointEvery,
        signal: stop.signal,
        onProgress(done) {
          if (Date.now() - told < 200) return;
          told = Date.now();
          void send({ type: 'progress', done });
        },
      });
      await send(result === undefined ? { type: 'interrupted' } : { type: 'done', result });
    } catch (error) {
      await send({ type: 'failed', failure: failureOf(error) });
    }
    if (stop.signal.aborted) leave();
  };

  let busy = false;
  process.on('message', (message: ToProcess) => {
    if (message.type === 'setup') setup = message.setup;
    else if (message.type === 'stop') {
      stop.abort();
      if (!busy) leave();
    } else {
      busy = true;
      void work(message.run).finally(() => (busy = false));
    }
  });
  // Ctrl-C reaches every process of a terminal: what is to be done then is for the parent to say.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  // Without a parent there is nobody to work for. Its last checkpoint is on the disk.
  process.on('disconnect', () => process.exit());
}
