import { Command } from 'commander';
import {
  EXIT,
  integer,
  interruptSignal,
  jsonOption,
  list,
  openModel,
  print,
  printJson,
} from '@hadamard-adapter/cli/internal';
import { short } from '../sweep/canonical.js';
import { openEnvironment } from '../sweep/environment.js';
import { loadSource } from '../sweep/load.js';

interface WorkerFlags {
  readonly queue: string;
  readonly model: string;
  readonly data?: string[];
  readonly threads?: number;
  readonly concurrency: number;
  readonly checkpointEvery: number;
  readonly json?: boolean;
}

export function workerCommand(): Command {
  return new Command('worker')
    .description('take runs of `hadamard sweep --queue` until Ctrl-C; runs for another model or other data are refused')
    .requiredOption('--queue <url>', 'Redis: redis://host:port/db')
    .requiredOption('--model <model>', 'model folder, .onnx or .safetensors file, or hub id')
    .option('--data <folder>', 'folder of GLUE tasks, and of the tables that sweep files name; repeatable', list)
    .option('--threads <n>', 'threads of each run (default: what the sweep says, or all cores)', integer(1))
    .option('--concurrency <n>', 'runs at once', integer(1), 1)
    .option(
      '--checkpoint-every <n>',
      'steps between checkpoints in Redis, from which another worker goes on if this one dies',
      integer(1),
      200,
    )
    .addOption(jsonOption())
    .action(async (flags: WorkerFlags) => {
      process.exitCode = await runWorker(flags);
    });
}

/**
 * After Ctrl-C, while Redis is away, there is nobody to give a run back to: the worker then ends after this time all
 * the same.
 */
const END_MS = 3000;

async function runWorker({
  queue,
  model,
  data = [],
  threads,
  concurrency,
  checkpointEvery,
  json = false,
}: WorkerFlags): Promise<number> {
  const { signal, release } = interruptSignal();
  const note = (text: string): void => void process.stderr.write(`${text}\n`);
  try {
    const [{ connect }, { serveQueue }, { checkFolders, findFiles, readFirst }] = await Promise.all([
      import('../sweep/queue/connection.js'),
      import('../sweep/queue/serve.js'),
      import('../sweep/queue/places.js'),
    ]);
    await checkFolders(data);
    const folder = await openModel(model);
    const environment = openEnvironment(folder, (source, seed) =>
      readFirst(source, data, (found) => loadSource(found, seed)),
    );
    const { weights, files } = await environment.identity(false);
    const connection = await connect(queue, note);
    note(
      `model ${folder.name}: weights ${short(weights)}, config and tokenizer ${short(files)}; taking runs from ` +
        `${connection.place}`,
    );
    signal.addEventListener('abort', () =>
      setInterval(() => connection.away() && process.exit(EXIT.interrupted), END_MS).unref(),
    );
    try {
      const served = await serveQueue({
        connection,
        environment,
        locate: (source) => findFiles(source, data),
        concurrency,
        checkpointEvery,
        signal,
        note,
        ...(threads === undefined ? {} : { threads }),
      });
      if (json) printJson(served);
      else print(`${served.finished} runs finished, ${served.failed} failed, ${served.refused} refused`);
    } finally {
      connection.close();
    }
    return EXIT.interrupted;
  } finally {
    release();
  }
}
