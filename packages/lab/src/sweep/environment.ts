import { MismatchError } from '@hadamard-adapter/core';
import { present } from '@hadamard-adapter/core/internal';
import { tokenize, type TokenizedSplit, type Tokenizer } from '@hadamard-adapter/tasks';
import { type DataFlags, type LoadedData, type ModelFolder, openTokenizer } from '@hadamard-adapter/cli/internal';
import { short } from './canonical.js';
import { dataDigest, modelIdentity, type ModelIdentity } from './identity.js';
import type { Run } from './run.js';

/** Data that was read, and its name. */
export interface NamedData {
  readonly data: LoadedData;
  readonly digest: string;
}

/** What a run needs besides its settings, ready to train on. */
export interface Prepared extends NamedData {
  readonly tokenizer: Tokenizer;
  readonly train: TokenizedSplit;
  readonly dev: readonly TokenizedSplit[];
}

/** A model and data on this machine, each read once for many runs. */
export interface Environment {
  readonly model: ModelFolder;
  identity(head: boolean): Promise<ModelIdentity>;
  data(flags: DataFlags, seed: number): Promise<NamedData>;
  /**
   * The data of a run, tokenized.
   *
   * @throws MismatchError RUN_MODEL, RUN_DATA when what is here is not what the run was made for; DataError from
   *   reading.
   */
  prepare(run: Run): Promise<Prepared>;
}

/** Data sets that are kept in memory: runs come task by task. */
const KEPT = 4;

/** @param read how data are found on this machine. */
export function openEnvironment(
  model: ModelFolder,
  read: (flags: DataFlags, seed: number) => Promise<LoadedData>,
): Environment {
  const identity = memo<ModelIdentity>(2);
  const named = memo<NamedData>(KEPT);
  const tokenized = memo<Prepared>(KEPT);
  const environment: Environment = {
    model,
    identity: (head) => identity(String(head), () => modelIdentity(model, head)),
    data: (flags, seed) =>
      named(JSON.stringify([flags, dependsOnSeed(flags) ? seed : 'any']), async () => {
        const data = await read(flags, seed);
        return { data, digest: dataDigest(data) };
      }),
    async prepare(run) {
      const own = await environment.identity(run.settings.head === 'model');
      checkSame('RUN_MODEL', 'The model has other weights', own.weights, run.model.weights);
      checkSame('RUN_MODEL', 'The model has another config or tokenizer', own.files, run.model.files);
      const { data, digest } = await environment.data(run.source.flags, run.seed);
      checkSame('RUN_DATA', `The data of ${run.task} are others`, digest, run.data);
      return tokenized(JSON.stringify([digest, run.maxLength ?? 'whole']), async () => {
        const tokenizer = openTokenizer(model, run.maxLength);
        // A run without training data is refused when the sweep is read.
        const train = await tokenize(present(data.train), tokenizer, { id: 'train' });
        const dev = await Promise.all(
          data.dev.map(({ name, table }) => tokenize(table, tokenizer, { id: `dev${name}` })),
        );
        return { data, digest, tokenizer, train, dev };
      });
    },
  };
  return environment;
}

function checkSame(code: string, what: string, found: string, expected: string): void {
  if (found === expected) return;
  throw new MismatchError(`${what} than the run was made for`, {
    code,
    found: short(found),
    expected: short(expected),
  });
}

/** Whether the seed chooses examples, as `limitExamples` and `holdOut` do. */
const dependsOnSeed = ({ limit, task, dev }: DataFlags): boolean =>
  limit !== undefined || (task === undefined && dev === undefined);

/** Remembers the last answers. A failure is not remembered: files may come back. */
function memo<T>(size: number): (key: string, make: () => Promise<T>) => Promise<T> {
  const kept = new Map<string, Promise<T>>();
  return (key, make) => {
    const before = kept.get(key);
    const answer = before ?? make();
    kept.delete(key);
    kept.set(key, answer);
    if (before === undefined) answer.catch(() => kept.delete(key));
    const [oldest] = kept.keys();
    if (kept.size > size && oldest !== undefined) kept.delete(oldest);
    return answer;
  };
}
