import { fork, type ChildProcess } from 'node:child_process';
import { setMaxListeners } from 'node:events';
import { SWEEP_PROCESS } from '../assets.js';
import type { RunFailure } from './failure.js';
import type { FromProcess, ProcessSetup, ToProcess } from './protocol.js';
import type { RunResult } from './result.js';
import type { Run } from './run.js';
import type { SweepView } from './view.js';

export interface PoolOptions<R extends Run> {
  readonly workers: number;
  readonly setup: ProcessSetup;
  readonly signal: AbortSignal;
  readonly view: SweepView<R>;
  /** Keep a result. What it throws ends everything: there is no use in results that cannot be kept. */
  readonly keep: (run: R, result: RunResult) => Promise<void>;
  /** The program of a local process; another one in tests. */
  readonly program?: string;
}

export interface FailedRun<R extends Run> {
  readonly run: R;
  readonly failure: RunFailure;
}

export interface PoolOutcome<R extends Run> {
  readonly failed: readonly FailedRun<R>[];
  readonly interrupted: boolean;
}

/** A run whose process died is tried this often, each time from its last checkpoint. */
const ATTEMPTS = 2;

/** How long a process that has nothing to do may take to end. */
const END_MS = 5000;

/**
 * Do runs in local processes, each one run at a time. A run that fails is no reason to stop the others; a process that
 * dies is replaced. When the signal is aborted, what runs ends with a checkpoint.
 *
 * @throws what `keep` throws, after the other processes have put their checkpoints away.
 */
export async function runPool<R extends Run>(runs: readonly R[], options: PoolOptions<R>): Promise<PoolOutcome<R>> {
  const { workers, signal, view, keep } = options;
  const waiting = [...runs];
  const failed: FailedRun<R>[] = [];
  const stop = new AbortController();
  setMaxListeners(0, stop.signal);
  const stopAll = (): void => stop.abort();
  if (signal.aborted) stopAll();
  signal.addEventListener('abort', stopAll);

  const work = async (name: string): Promise<void> => {
    let child: LocalProcess | undefined;
    try {
      for (let run = waiting.shift(); run !== undefined && !stop.signal.aborted; run = waiting.shift()) {
        const current = run;
        view.started(name, run);
        let answer: Answer = { type: 'died', how: 'it was never started' };
        for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
          if (answer.type === 'died' && attempt > 1)
            view.note(`${name} died (${answer.how}); its run is tried again from its last checkpoint`);
          if (child === undefined || child.dead()) child = startProcess(options, stop.signal);
          answer = await child.run(run, (done) => view.progress(name, current, done), view.note);
          if (answer.type !== 'died' || stop.signal.aborted) break;
        }
        if (answer.type === 'done') {
          await keep(run, answer.result);
          view.finished(name, run, answer.result);
        } else if (answer.type !== 'interrupted' && !(answer.type === 'died' && stop.signal.aborted)) {
          const failure =
            answer.type === 'failed'
              ? answer.failure
              : { code: 'RUN_DIED', message: `The process of the run died ${ATTEMPTS} times: ${answer.how}` };
          failed.push({ run, failure });
          view.failed(name, run, failure);
        }
      }
    } catch (error) {
      stopAll();
      throw error;
    } finally {
      await child?.end();
    }
  };
  try {
    const ends = await Promise.allSettled(
      Array.from({ length: Math.min(workers, runs.length) }, (_, i) => work(`worker ${i + 1}`)),
    );
    const broken = ends.find(({ status }) => status === 'rejected');
    if (broken?.status === 'rejected') throw broken.reason;
    return { failed, interrupted: signal.aborted };
  } finally {
    signal.removeEventListener('abort', stopAll);
  }
}

interface Died {
  readonly type: 'died';
  readonly how: string;
}

type Answer = Exclude<FromProcess, { readonly type: 'progress' | 'note' }> | Died;

interface LocalProcess {
  run(run: Run, onProgress: (done: number) => void, onNote: (text: string) => void): Promise<Answer>;
  dead(): boolean;
  end(): Promise<void>;
}

function startProcess(
  { setup, program = SWEEP_PROCESS }: Pick<PoolOptions<Run>, 'setup' | 'program'>,
  stop: AbortSignal,
): LocalProcess {
  // Advanced: bytes go over as bytes. What libraries print belongs to standard error.
  const child: ChildProcess = fork(program, [], { serialization: 'advanced', stdio: ['ignore', 2, 2, 'ipc'] });
  let gone: string | undefined;
  const ended = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve((gone = signal === null ? `exit code ${code}` : String(signal))));
    child.once('error', (error) => resolve((gone = error.message)));
  });
  // A message to a process that has just died fails; that it died is told by its end.
  const send = (message: ToProcess): void => void (child.connected && child.send(message, () => undefined));
  let told = false;
  const onStop = (): void => {
    if (!told) send({ type: 'stop' });
    told = true;
  };
  stop.addEventListener('abort', onStop);
  send({ type: 'setup', setup });
  return {
    dead: () => gone !== undefined || !child.connected,
    async run(run, onProgress, onNote) {
      let listen: (message: FromProcess) => void = () => undefined;
      const answered = new Promise<Answer>((resolve) => {
        listen = (message) => {
          if (message.type === 'progress') onProgress(message.done);
          else if (message.type === 'note') onNote(message.text);
          else resolve(message);
        };
        child.on('message', listen);
      });
      send({ type: 'run', run });
      const answer = await Promise.race([answered, ended.then((how): Died => ({ type: 'died', how }))]);
      child.off('message', listen);
      return answer;
    },
    async end() {
      onStop();
      const late = setTimeout(() => child.kill('SIGKILL'), END_MS);
      await ended;
      clearTimeout(late);
      stop.removeEventListener('abort', onStop);
    },
  };
}
