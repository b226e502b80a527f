import { ConfigError, DataError, RuntimeError, type Batch, type Files } from '@hadamard-adapter/core';
import { decodeAdapter, type AdapterConfig } from '@hadamard-adapter/core/folder';
import {
  baseAdapter,
  checkAdapter,
  unionOfOptions,
  packAdapter,
  servingOptions,
  repackAdapter,
  type LoadedAdapter,
  type ServedAdapter,
  buildServingModel,
  compileServing,
  compileServingRows,
  type ServedOutput,
} from '@hadamard-adapter/compiler/internal';
import { RetryOnDeviceLoss, readBase } from '@hadamard-adapter/runtime/internal';
import type { Device, DeviceOptions, Platform } from '../devices/device.js';
import { openDevice } from '../devices/open.js';
import { tokenFeeds } from '../feeds.js';
import type { BaseModel } from '../load.js';
import type { Feeds } from '../ort.js';
import { programsOn } from '../programs.js';
import { floats } from '../session.js';
import { readBytes } from '../source.js';
import { BASE_ADAPTER, basesOf, checkName, plainCompanies, servesBase, type BaseFor, type Company } from './company.js';
import { stackedFeeds, oneFeeds } from './feeds.js';
import { adapterShelf } from './shelf.js';

export interface ServerOptions extends DeviceOptions {
  /** Default: `cpu` in Node, `wasm` in a browser. */
  readonly device?: string;
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

const DEFAULT_MAX_BYTES = 256 * 2 ** 20;

export type CreateServer = (base: BaseModel, options?: ServerOptions) => Promise<AdapterServer>;

/**
 * Serve a base model with adapters as inputs of its graph: one session whatever adapter is active, and another one for
 * batches that mix them.
 *
 * @throws as `LoadModel`; ConfigError ADAPTER_BUDGET.
 */
export function serverFor(platform: Platform, defaultDevice: string): CreateServer {
  return async (base, options = {}) => {
    const name = options.device ?? defaultDevice;
    const device = await openDevice(platform, name, options);
    try {
      const graph = await readBase(base, (model) => readBytes(model, { readFile: platform.readFile }));
      const baseFor = basesOf(graph);
      // Whatever is wrong with the model shows now and not with the first adapter.
      await baseFor(false);
      return makeServer(
        new RetryOnDeviceLoss(device, () => openDevice(platform, name, options)),
        baseFor,
        name,
        options,
      );
    } catch (error) {
      device.close();
      throw error;
    }
  };
}

function makeServer(
  keeper: RetryOnDeviceLoss<Device>,
  baseFor: BaseFor,
  device: string,
  options: ServerOptions,
): AdapterServer {
  const { maxBytes = DEFAULT_MAX_BYTES, load } = options;
  const shelf = adapterShelf(maxBytes);
  const loading = new Map<string, Promise<LoadedAdapter>>();
  const running = new Set<Promise<unknown>>();
  let current: Company = {};
  const plain = plainCompanies(baseFor, () => programsOn(() => keeper.current));
  let active: string | undefined;
  /** Counts calls of `setAdapter`. */
  let choice = 0;
  let disposal: Promise<void> | undefined;

  const check = (): void => {
    if (disposal !== undefined)
      throw new RuntimeError('The server has been disposed', { code: 'MODEL_DISPOSED', hint: 'Create it again.' });
  };
  const tracked = <T>(work: Promise<T>): Promise<T> => {
    running.add(work);
    const done = (): unknown => running.delete(work);
    work.then(done, done);
    return work;
  };
  /** Sessions are released when nothing runs on them any more. */
  const retire = ({ latest }: Company): void =>
    void Promise.allSettled(running)
      .then(() => latest?.programs.release())
      .catch(() => undefined);

  /**
   * @param company default: the one of the moment when everything is there to join it.
   * @param wanted whether the adapter is still to be kept then.
   */
  const take = async (
    name: string,
    files: Files,
    company?: Company,
    wanted = (): boolean => true,
  ): Promise<LoadedAdapter> => {
    const own = await baseFor(decodeAdapter(files).config.head === 'model');
    // From here on in one turn: nobody sees graphs that grow.
    const joined = company ?? current;
    const checked = checkAdapter(own, files);
    const needed = servingOptions(checked.config);
    const served = joined.latest === undefined ? needed : unionOfOptions(joined.latest.model.options, needed);
    let model = joined.latest?.model;
    if (model === undefined || model.options !== served) {
      model = buildServingModel(own.canonical, served);
      retire(joined);
      joined.latest = { model, programs: programsOn(() => keeper.current) };
    }
    const adapter = packAdapter(model, checked);
    if (joined === current && wanted()) shelf.put(name, adapter);
    return adapter;
  };

  /** Calls that want the same adapter wait for one reading of it. */
  const find = async (name: string): Promise<LoadedAdapter> => {
    const kept = shelf.get(name);
    if (kept !== undefined) return kept;
    if (load === undefined) throw shelf.missing(name);
    const company = current;
    const waiting = loading.get(name);
    if (waiting !== undefined) return waiting;
    const isWanted = (): boolean => loading.get(name) === started;
    const started = load(name)
      .then((files: Files | undefined) => {
        if (files === undefined) throw shelf.missing(name);
        return take(name, files, company, isWanted);
      })
      .finally(() => isWanted() && loading.delete(name));
    loading.set(name, started);
    return started;
  };

  const run = async (batch: Batch, names: readonly string[], output: ServedOutput): Promise<Float32Array[]> => {
    // Where nothing but the base is asked for, adapters that happen to be loaded do not matter.
    const joined = names.some((name) => name !== BASE_ADAPTER) || servesBase(current, output);
    const company = joined ? current : await plain.get(output);
    const distinct = [...new Set(names)];
    const loaded = await Promise.all(distinct.map((name) => (name === BASE_ADAPTER ? undefined : find(name))));
    const { model, programs } = company.latest as NonNullable<Company['latest']>;
    if (output === 'logits' && model.options.head === 'cosine')
      throw new ConfigError('These adapters have no classifier', {
        code: 'LOGITS_NONE',
        found: 'head "cosine"',
        expected: 'a classifier',
        hint: 'Ask for hidden states.',
      });
    const adapters = loaded.map((adapter, i): ServedAdapter => {
      if (adapter === undefined) return baseAdapter(model, output);
      const fitting = repackAdapter(adapter, model);
      shelf.replace(distinct[i] as string, adapter, fitting);
      return fitting;
    });
    const value = output === 'hidden' ? model.model.canonical.hidden : 'logits';
    const answers = await keeper.run(async () => {
      const { Tensor } = keeper.current.ort;
      const one = adapters.length === 1;
      const program = await programs.get(`${one ? 'one' : 'rows'}:${output}`, () =>
        one ? compileServing(model, output) : compileServingRows(model, output),
      );
      const feeds = one
        ? oneFeeds(Tensor, model, adapters[0] as ServedAdapter, program.inputs)
        : stackedFeeds(
            Tensor,
            model,
            adapters,
            names.map((each) => distinct.indexOf(each)),
            program.inputs,
          );
      const tokens: Feeds = tokenFeeds(Tensor, program.inputs, batch);
      return floats(await program.run({ ...tokens, ...feeds }, [value]), value);
    }, programs.abandon);
    const stride = answers.length / batch.batch;
    const rows = names.map((_, row) => answers.slice(row * stride, (row + 1) * stride));
    if (output === 'hidden') return rows;
    const widest = Math.max(...adapters.map(({ labels }) => labels));
    return rows.map((row, i) => {
      const { labels } = adapters[distinct.indexOf(names[i] as string)] as ServedAdapter;
      return labels === widest ? row : row.filter((_, column) => column % widest < labels);
    });
  };

  const answer = async (
    batch: Batch,
    { adapterNames }: PredictOptions,
    output: ServedOutput,
  ): Promise<Float32Array[]> => {
    check();
    if (adapterNames !== undefined && adapterNames.length !== batch.batch) {
      throw new DataError('There has to be one adapter name per row', {
        code: 'ADAPTER_NAMES',
        found: `${adapterNames.length} names`,
        expected: `${batch.batch}`,
      });
    }
    if (adapterNames === undefined && active === undefined) {
      throw new RuntimeError('No adapter is active', {
        code: 'ADAPTER_NONE',
        hint: 'Choose one with setAdapter, or give adapterNames.',
      });
    }
    return batch.batch === 0
      ? []
      : tracked(run(batch, adapterNames ?? Array.from({ length: batch.batch }, () => active as string), output));
  };

  return {
    device,
    get activeAdapter() {
      return active;
    },
    get adapters() {
      return shelf.names();
    },
    get bytes() {
      return shelf.bytes();
    },
    async addAdapter(name, files) {
      check();
      checkName(name);
      const { config } = await take(name, files);
      check();
      return config;
    },
    removeAdapter(name) {
      check();
      if (active === name) active = undefined;
      loading.delete(name);
      const known = shelf.remove(name);
      if (known && shelf.names().length === 0) {
        // Without adapters nothing binds the next one: its site, pooling and classifier may be others.
        retire(current);
        current = {};
        loading.clear();
      }
      return known;
    },
    async setAdapter(name) {
      check();
      const turn = ++choice;
      checkName(name);
      const { config } = await find(name);
      check();
      // The last call wins, however long the adapter of an earlier one took to load.
      if (turn === choice) active = name;
      return config;
    },
    disableAdapter() {
      check();
      choice++;
      active = BASE_ADAPTER;
    },
    predict: (batch, options = {}) => answer(batch, options, 'logits'),
    encode: (batch, options = {}) => answer(batch, options, 'hidden'),
    dispose() {
      disposal ??= Promise.allSettled(running).then(async () => {
        await current.latest?.programs.release();
        await plain.release();
        keeper.close();
      });
      return disposal;
    },
  };
}
