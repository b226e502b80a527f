import { DataError, RuntimeError, decodeAdapter, weightsDigest, type AdapterConfig, type Batch, type Files } from '@hadamard-adapter/core';
import {
  baseWeights,
  buildServingModel,
  canonicalize,
  checkAdapter,
  compileServing,
  compileServingRows,
  findSites,
  joinServing,
  layOut,
  readModel,
  servingOptions,
  widen,
  type ServedAdapter,
  type ServingBase,
  type ServingModel,
} from '@hadamard-adapter/onnx';
import pLimit from 'p-limit';
import type { DeviceOptions, Platform } from '../devices/device.js';
import { keepDevice } from '../devices/keeper.js';
import { openDevice } from '../devices/open.js';
import { tokenFeeds } from '../feeds.js';
import type { BaseModel } from '../load.js';
import type { Feeds } from '../ort.js';
import { programsOn } from '../programs.js';
import { floats, type SessionSettings } from '../session.js';
import { readBytes } from '../source.js';
import { bankFeeds, oneFeeds } from './feeds.js';
import { adapterShelf } from './shelf.js';

export interface ServerOptions extends DeviceOptions, SessionSettings {
  /** Default: `cpu` in Node, `wasm` in a browser. */
  readonly device?: string;
  /** Most bytes of adapters to keep in memory; the one that was used longest ago leaves first. Default 256 MiB. */
  readonly maxBytes?: number;
  /** The adapter folder of a name that is not in memory, because it was never added or had to leave. */
  readonly load?: (name: string) => Promise<Files>;
}

export interface PredictOptions {
  /** The adapter of each row (PEFT's `adapter_names`), [batch]; default: the active adapter for all. */
  readonly adapterNames?: readonly string[];
}

/** One base model that answers with any of many adapters. */
export interface AdapterServer {
  readonly device: string;
  /** What `setAdapter` chose. */
  readonly activeAdapter: string | undefined;
  /** Names of the adapters in memory. */
  readonly adapters: readonly string[];
  /** Bytes of the adapters in memory. */
  readonly bytes: number;
  /** @throws FormatError, MismatchError when it is damaged or belongs to another base, or cannot be served beside the others; RuntimeError ADAPTER_TOO_LARGE. */
  addAdapter(name: string, files: Files): Promise<AdapterConfig>;
  /** Whether it was there. */
  removeAdapter(name: string): boolean;
  /** Answer with this adapter from now on: a change of which numbers are fed, no new session. @throws as `predict`. */
  setAdapter(name: string): Promise<AdapterConfig>;
  /**
   * Logits of each row, as many as its adapter has labels.
   *
   * @throws RuntimeError ADAPTER_NONE, ADAPTER_UNKNOWN, ADAPTER_EVICTED; DataError ADAPTER_NAMES when there is not one name per row.
   */
  predict(batch: Batch, options?: PredictOptions): Promise<Float32Array[]>;
  dispose(): Promise<void>;
}

const DEFAULT_MAX_BYTES = 256 * 2 ** 20;

export type CreateServer = (base: BaseModel, options?: ServerOptions) => Promise<AdapterServer>;

/**
 * Serve a base model with adapters as inputs of its graph: one session whatever adapter is active, and another one for batches that mix them.
 */
export function serverFor(platform: Platform, defaultDevice: string): CreateServer {
  return async (base, options = {}) => {
    const { device: name = defaultDevice, maxBytes = DEFAULT_MAX_BYTES, load } = options;
    const keeper = keepDevice(await openDevice(platform, name, options), () => openDevice(platform, name, options));
    const graph = 'graph' in base ? base.graph : readModel(await readBytes(base.model, { readFile: platform.readFile }), base.externalData === undefined ? {} : { externalData: base.externalData });
    const bases = new Map<boolean, Promise<ServingBase>>();
    /** The base with its own classifier, or cut back to its encoder: they are different bases to an adapter. */
    const baseFor = async (keepHead: boolean): Promise<ServingBase> => {
      const known = bases.get(keepHead);
      if (known !== undefined) return known;
      const made = (async () => {
        const canonical = canonicalize(graph, { keepHead });
        return { canonical, sites: findSites(canonical), digest: await weightsDigest(baseWeights(canonical.graph)) };
      })();
      bases.set(keepHead, made);
      return made;
    };
    // Whatever is wrong with the model shows now and not with the first adapter.
    await baseFor(false);
    const programs = programsOn(() => keeper.current(), options);
    const shelf = adapterShelf(maxBytes);
    /** Adapters are taken in one after the other: each may change what the graph must offer. */
    const inTurn = pLimit(1);
    let serving: ServingModel | undefined;
    let active: string | undefined;
    let disposed = false;

    const check = (): void => {
      if (disposed) throw new RuntimeError('The server has been disposed', { code: 'MODEL_DISPOSED', hint: 'Create it again.' });
    };

    const take = (adapter: string, files: Files): Promise<ServedAdapter> =>
      inTurn(async () => {
        const own = await baseFor(decodeAdapter(files).config.head === 'model');
        const checked = checkAdapter(own, files);
        const wanted = servingOptions(checked.config);
        const joined = serving === undefined ? wanted : joinServing(serving.options, wanted);
        if (serving === undefined || joined !== serving.options) {
          const [before, next] = [serving, buildServingModel(own.canonical, joined)];
          if (before !== undefined) shelf.replaceAll((each) => widen(before, next, each));
          await programs.release();
          serving = next;
        }
        const laidOut = layOut(serving, checked);
        shelf.put(adapter, laidOut);
        return laidOut;
      });

    const find = async (adapter: string): Promise<ServedAdapter> => {
      const kept = shelf.get(adapter);
      if (kept !== undefined) return kept;
      if (load !== undefined) return take(adapter, await load(adapter));
      throw shelf.missing(adapter);
    };

    const run = async (batch: Batch, names: readonly string[]): Promise<Float32Array[]> => {
      const distinct = [...new Set(names)];
      // Taking one in may change the graph, and with it how the others are laid out: they are looked up when all are there.
      for (const adapter of distinct) await find(adapter);
      const adapters = await Promise.all(distinct.map(find));
      const model = serving as ServingModel;
      const labels = Math.max(...adapters.map(({ config }) => config.num_labels));
      const logits = await keeper.surviving(async () => {
        const [program, feeds] =
          adapters.length === 1
            ? [await programs.get('one', () => compileServing(model)), oneFeeds(keeper.current().ort.Tensor, model, adapters[0] as ServedAdapter)]
            : [await programs.get('rows', () => compileServingRows(model)), bankFeeds(keeper.current().ort.Tensor, model, adapters, names.map((each) => distinct.indexOf(each)))];
        const tokens: Feeds = tokenFeeds(keeper.current().ort.Tensor, program.inputs, batch);
        return floats(await program.run({ ...tokens, ...feeds }, ['logits']), 'logits');
      }, programs.abandon);
      return names.map((adapter, row) => logits.slice(row * labels, row * labels + (adapters[distinct.indexOf(adapter)] as ServedAdapter).config.num_labels));
    };

    return {
      device: name,
      get activeAdapter() {
        return active;
      },
      get adapters() {
        return shelf.names();
      },
      get bytes() {
        return shelf.bytes();
      },
      async addAdapter(adapter, files) {
        check();
        return (await take(adapter, files)).config;
      },
      removeAdapter(adapter) {
        check();
        if (active === adapter) active = undefined;
        return shelf.remove(adapter);
      },
      async setAdapter(adapter) {
        check();
        const { config } = await find(adapter);
        active = adapter;
        return config;
      },
      async predict(batch, { adapterNames } = {}) {
        check();
        if (adapterNames !== undefined && adapterNames.length !== batch.batch) {
          throw new DataError('There has to be one adapter name per row', { code: 'ADAPTER_NAMES', found: `${adapterNames.length} names`, expected: `${batch.batch}` });
        }
        if (adapterNames === undefined && active === undefined) {
          throw new RuntimeError('No adapter is active', { code: 'ADAPTER_NONE', hint: 'Choose one with setAdapter, or give adapterNames.' });
        }
        return run(batch, adapterNames ?? Array.from({ length: batch.batch }, () => active as string));
      },
      async dispose() {
        disposed = true;
        await programs.release();
        keeper.close();
      },
    };
  };
}
