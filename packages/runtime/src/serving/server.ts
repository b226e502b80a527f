import { ConfigError, DataError, RuntimeError, type Batch, type Files } from '@hadamard-adapter/core';
import { decodeAdapter, type AdapterConfig } from '@hadamard-adapter/core/folder';
import {
  buildServingModel,
  checkAdapter,
  servingOptions,
  type ServedOutput,
  type ServingModel,
} from '@hadamard-adapter/compiler/internal';
import { elementAt, present } from '@hadamard-adapter/core/internal';
import { AdapterCache } from './adapter-cache.js';
import {
  baseAdapter,
  packAdapter,
  repackAdapter,
  unionOfOptions,
  type CachedAdapter,
  type PackedAdapter,
} from './packed-adapter.js';
import {
  BASE_ADAPTER,
  BaseGroups,
  checkName,
  servesBase,
  type ServingBases,
  type ServingGroup,
  type ServingPrograms,
} from './serving-group.js';

export interface AdapterServerOptions {
  /** Most bytes of adapters to keep in memory; the one that was used longest ago leaves first. Default 256 MiB. */
  readonly maxBytes?: number;
  /** The adapter folder of a name that is not in memory, because it was never added or had to leave. */
  readonly load?: (name: string) => Promise<Files | undefined>;
}

export interface PredictOptions {
  /**
   * The adapter of each row (PEFT's `adapter_names`), [batch], `__base__` for none; default: the active adapter for
   * all.
   */
  readonly adapterNames?: readonly string[];
}

/** One base model that answers with any of many adapters. */
export interface AdapterServer {
  readonly device: string;
  /** What `setAdapter` chose, or `__base__`. */
  readonly activeAdapter: string | undefined;
  /** Names of the adapters in memory. */
  readonly adapters: readonly string[];
  /** Bytes of the adapters in memory. */
  readonly bytes: number;
  /**
   * @throws FormatError, MismatchError when it is damaged or belongs to another base, or cannot be served beside the
   *   others; RuntimeError ADAPTER_TOO_LARGE.
   */
  addAdapter(name: string, files: Files): Promise<AdapterConfig>;
  /**
   * Whether it was there. Predictions that run are finished with it; when it was the last one, adapters of another
   * site, pooling or classifier may follow.
   */
  removeAdapter(name: string): boolean;
  /** Answer with this adapter from now on: a change of which numbers are fed, no new session. @throws as `predict`. */
  setAdapter(name: string): Promise<AdapterConfig>;
  /**
   * Answer without adapters from now on: with the hidden states of the base, and with logits where it was exported with
   * a classifier.
   */
  disableAdapter(): void;
  /**
   * Logits of each row, as many as its adapter has labels, for each token [sequence, labels] where it answers for
   * tokens. Calls may overlap, also with changes of adapters: each answers with the adapters of the moment it was
   * made.
   *
   * @throws RuntimeError ADAPTER_NONE, ADAPTER_UNKNOWN, ADAPTER_EVICTED; DataError ADAPTER_NAMES when there is not one
   *   name per row; ConfigError LOGITS_NONE for adapters without a classifier, MODEL_HEAD and MismatchError BASE_HEAD
   *   for a base without one.
   */
  predict(batch: Batch, options?: PredictOptions): Promise<Float32Array[]>;
  /** Hidden states of each row, [sequence, hidden]. Everything else as `predict`. */
  encode(batch: Batch, options?: PredictOptions): Promise<Float32Array[]>;
  /** Predictions that run are finished first. */
  dispose(): Promise<void>;
}

/** What a runtime brings to serve adapters. */
export interface ServingRuntime {
  readonly device: string;
  makePrograms(): ServingPrograms;
  close(): void;
}

const DEFAULT_MAX_BYTES = 256 * 2 ** 20;

/**
 * Serves a base model with adapters as inputs of its graph: one program whatever adapter is active, and another one for
 * batches that mix them. Its methods stay with it when they are taken off.
 */
export class RuntimeAdapterServer implements AdapterServer {
  readonly device: string;
  readonly #runtime: ServingRuntime;
  readonly #bases: ServingBases;
  readonly #load: AdapterServerOptions['load'];
  readonly #cache: AdapterCache;
  /** Adapters that are being loaded, by name. */
  readonly #loading = new Map<string, Promise<CachedAdapter>>();
  /** Predictions that run. */
  readonly #running = new Set<Promise<unknown>>();
  readonly #baseGroups: BaseGroups;
  #group: ServingGroup = {};
  #active: string | undefined;
  /** How often an adapter was chosen. */
  #choices = 0;
  #disposal: Promise<void> | undefined;

  /** @throws ConfigError ADAPTER_BUDGET. */
  constructor(
    runtime: ServingRuntime,
    bases: ServingBases,
    { maxBytes = DEFAULT_MAX_BYTES, load }: AdapterServerOptions,
  ) {
    this.device = runtime.device;
    this.#runtime = runtime;
    this.#bases = bases;
    this.#load = load;
    this.#cache = new AdapterCache(maxBytes);
    this.#baseGroups = new BaseGroups(bases, () => runtime.makePrograms());
  }

  get activeAdapter(): string | undefined {
    return this.#active;
  }

  get adapters(): readonly string[] {
    return this.#cache.names;
  }

  get bytes(): number {
    return this.#cache.bytes;
  }

  readonly addAdapter = async (name: string, files: Files): Promise<AdapterConfig> => {
    this.#check();
    checkName(name);
    const { config } = await this.#take(name, files);
    this.#check();
    return config;
  };

  readonly removeAdapter = (name: string): boolean => {
    this.#check();
    if (this.#active === name) this.#active = undefined;
    this.#loading.delete(name);
    const known = this.#cache.remove(name);
    if (known && this.#cache.names.length === 0) {
      // Without adapters nothing binds the next one: its site, pooling and classifier may be others.
      this.#retire(this.#group);
      this.#group = {};
      this.#loading.clear();
    }
    return known;
  };

  readonly setAdapter = async (name: string): Promise<AdapterConfig> => {
    this.#check();
    const turn = ++this.#choices;
    checkName(name);
    const { config } = await this.#find(name);
    this.#check();
    // The last call wins, however long the adapter of an earlier one took to load.
    if (turn === this.#choices) this.#active = name;
    return config;
  };

  readonly disableAdapter = (): void => {
    this.#check();
    this.#choices++;
    this.#active = BASE_ADAPTER;
  };

  readonly predict = (batch: Batch, options: PredictOptions = {}): Promise<Float32Array[]> =>
    this.#answer(batch, options, 'logits');

  readonly encode = (batch: Batch, options: PredictOptions = {}): Promise<Float32Array[]> =>
    this.#answer(batch, options, 'hidden');

  readonly dispose = (): Promise<void> => {
    this.#disposal ??= Promise.allSettled(this.#running).then(async () => {
      await this.#group.latest?.programs.release();
      await this.#baseGroups.release();
      this.#runtime.close();
    });
    return this.#disposal;
  };

  #check(): void {
    if (this.#disposal !== undefined)
      throw new RuntimeError('The server has been disposed', { code: 'MODEL_DISPOSED', hint: 'Create it again.' });
  }

  /** Programs are released when nothing runs on them any more. */
  #retire({ latest }: ServingGroup): void {
    void Promise.allSettled(this.#running)
      .then(() => latest?.programs.release())
      .catch(() => undefined);
  }

  /**
   * Read an adapter into a serving group.
   *
   * @param group default: the one of the moment when everything is there to join it.
   * @param wanted whether the adapter is still to be kept then.
   */
  async #take(name: string, files: Files, group?: ServingGroup, wanted = (): boolean => true): Promise<CachedAdapter> {
    const base = await this.#bases.get(decodeAdapter(files).config.head === 'model');
    // From here on in one turn: nobody sees graphs that grow.
    const joined = group ?? this.#group;
    const checked = checkAdapter(base, files);
    const needed = servingOptions(checked.config);
    const served = joined.latest === undefined ? needed : unionOfOptions(joined.latest.model.options, needed);
    let model = joined.latest?.model;
    if (model === undefined || model.options !== served) {
      model = buildServingModel(base.canonical, served);
      this.#retire(joined);
      joined.latest = { model, programs: this.#runtime.makePrograms() };
    }
    const adapter = packAdapter(model, checked);
    if (joined === this.#group && wanted()) this.#cache.put(name, adapter);
    return adapter;
  }

  /** The adapter of a name. Calls that want the same one wait for one reading of it. */
  async #find(name: string): Promise<CachedAdapter> {
    const kept = this.#cache.get(name);
    if (kept !== undefined) return kept;
    if (this.#load === undefined) throw this.#cache.missing(name);
    const group = this.#group;
    const waiting = this.#loading.get(name);
    if (waiting !== undefined) return waiting;
    const isWanted = (): boolean => this.#loading.get(name) === started;
    const started = this.#load(name)
      .then((files: Files | undefined) => {
        if (files === undefined) throw this.#cache.missing(name);
        return this.#take(name, files, group, isWanted);
      })
      .finally(() => isWanted() && this.#loading.delete(name));
    this.#loading.set(name, started);
    return started;
  }

  async #answer(batch: Batch, { adapterNames }: PredictOptions, output: ServedOutput): Promise<Float32Array[]> {
    this.#check();
    if (adapterNames !== undefined && adapterNames.length !== batch.batch) {
      throw new DataError('There has to be one adapter name per row', {
        code: 'ADAPTER_NAMES',
        found: `${adapterNames.length} names`,
        expected: `${batch.batch}`,
      });
    }
    const active = this.#active;
    if (adapterNames === undefined && active === undefined) {
      throw new RuntimeError('No adapter is active', {
        code: 'ADAPTER_NONE',
        hint: 'Choose one with setAdapter, or give adapterNames.',
      });
    }
    if (batch.batch === 0) return [];
    const names = adapterNames ?? Array.from({ length: batch.batch }, () => active ?? BASE_ADAPTER);
    const work = this.#run(batch, names, output);
    this.#running.add(work);
    const done = (): unknown => this.#running.delete(work);
    work.then(done, done);
    return work;
  }

  async #run(batch: Batch, names: readonly string[], output: ServedOutput): Promise<Float32Array[]> {
    // Where nothing but the base is asked for, adapters that happen to be loaded do not matter.
    const joined = names.some((name) => name !== BASE_ADAPTER) || servesBase(this.#group, output);
    const group = joined ? this.#group : await this.#baseGroups.get(output);
    const distinct = [...new Set(names)];
    const loaded = await Promise.all(distinct.map((name) => (name === BASE_ADAPTER ? undefined : this.#find(name))));
    const { model, programs } = present(group.latest);
    checkOutput(model, output);
    const adapters = loaded.map((adapter, i): PackedAdapter => {
      if (adapter === undefined) return baseAdapter(model, output);
      const fitting = repackAdapter(adapter, model);
      this.#cache.replace(elementAt(distinct, i), adapter, fitting);
      return fitting;
    });
    const rows = names.map((name) => distinct.indexOf(name));
    const answers = await programs.run({ model, output, batch, adapters, rows });
    const stride = answers.length / batch.batch;
    const perRow = rows.map((_, row) => answers.slice(row * stride, (row + 1) * stride));
    return output === 'hidden' ? perRow : withOwnLabels(perRow, rows, adapters);
  }
}

/** @throws ConfigError LOGITS_NONE. */
function checkOutput({ options }: ServingModel, output: ServedOutput): void {
  if (output === 'logits' && options.head === 'cosine')
    throw new ConfigError('These adapters have no classifier', {
      code: 'LOGITS_NONE',
      found: 'head "cosine"',
      expected: 'a classifier',
      hint: 'Ask for hidden states.',
    });
}

/** Logits of each row, without those that only other adapters have. */
function withOwnLabels(
  answers: readonly Float32Array[],
  rows: readonly number[],
  adapters: readonly PackedAdapter[],
): Float32Array[] {
  const widest = Math.max(...adapters.map(({ labels }) => labels));
  return answers.map((row, i) => {
    const { labels } = elementAt(adapters, elementAt(rows, i));
    return labels === widest ? row : row.filter((_, column) => column % widest < labels);
  });
}
