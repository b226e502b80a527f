import { elementAt } from '@hadamard-adapter/core/internal';
import { BASE_ADAPTER, createServer, type AdapterServer } from '@hadamard-adapter/onnxruntime';
import {
  DataError,
  MismatchError,
  RuntimeError,
  evaluate,
  sequentialBatches,
  type Files,
  type Split,
} from '@hadamard-adapter/core';
import { decodeAdapter, type AdapterConfig } from '@hadamard-adapter/core/folder';
import { canonicalize, describeModel } from '@hadamard-adapter/compiler/internal';
import type { HubOptions } from '@hadamard-adapter/hub/internal';
import { readAdapterFiles, writeAdapterFiles } from './adapter-files.js';
import { maxLength } from './data/reader.js';
import { fitAdapter, inColumns, merged, newAdapter, type FitBase } from './fit.js';
import { adapterForward } from './forward.js';
import { ownFiles } from './peft.js';
import { libraryOf, modelClass, type LibraryModel, type TransformersLibrary } from './library.js';
import { readModelFile } from './model-file.js';
import type { Task } from './task.js';
import type { AdaptedModel, AdapterMethods, AnswerOptions, PretrainedOptions, WithAliases } from './types.js';

const DEFAULT_NAME = 'default';

/** Texts at once where nobody says how many. */
const BATCH_SIZE = 32;

/** A model, and what a task's own methods need of it. */
export interface Opened<Data> {
  readonly model: AdaptedModel<Data>;
  readonly base: FitBase;
  readonly server: AdapterServer;
  /**
   * The config of the adapter that answers; undefined for the base. @throws RuntimeError ADAPTER_NONE, ADAPTER_UNKNOWN.
   */
  configOf(name?: string): AdapterConfig | undefined;
  /** Answers for each row of a split, from the active adapter or from one for each, without what belongs to padding. */
  rowsOf(split: Split, options: AnswerOptions): Promise<Float32Array[]>;
}

/**
 * A base model of the hub with adapters for a task. Configuration, tokenizer, downloads and cache are those of
 * transformers.js; the model that comes back is one of its own, and runs in its pipelines.
 *
 * @throws ConfigError LIBRARY_MISSING, DTYPE_UNKNOWN, DEVICE_UNKNOWN; DataError HUB_FILE, HUB_ACCESS; UnsupportedError
 *   for a model without recognisable attention; MismatchError ADAPTER_BASE_MISMATCH for an adapter of another base,
 *   ADAPTER_TASK for one of another task.
 */
export async function openModel<Data extends object>(
  task: Task<Data>,
  id: string,
  options: PretrainedOptions = {},
): Promise<Opened<Data>> {
  const { transformers, device, threads, adapter, revision, local_files_only, cache_dir } = options;
  const hub: HubOptions = {
    ...(revision === undefined ? {} : { revision }),
    ...(local_files_only === undefined ? {} : { local_files_only }),
    ...(cache_dir === undefined ? {} : { cache_dir }),
  };
  const library = await libraryOf(transformers);
  // The file first: what is wrong with it is said better by us than by the library.
  const graph = await readModelFile(library.env, id, options);
  const [config, tokenizer] = await Promise.all([
    library.AutoConfig.from_pretrained(id, hub),
    library.AutoTokenizer.from_pretrained(id, hub),
  ]);
  const place = { ...(device === undefined ? {} : { device }), ...(threads === undefined ? {} : { threads }) };
  const files = new Map<string, Files>();
  const server = await createServer({ graph }, { ...place, load: async (name) => files.get(name) });
  const Model = modelClass(library, task.auto, config);
  // Its sessions would be those of a model without adapters.
  const model = Object.assign(new Model(config, {}, {}), { _forward: adapterForward(server, task, library.Tensor) });
  const opened = withAdapters(model, task, library, server, files, {
    graph,
    tokenizer,
    longest: maxLength(tokenizer, config),
    place,
    id,
    family: config.model_type,
  });
  if (adapter !== undefined) await opened.model.load_adapter(adapter, hub);
  return opened;
}

function withAdapters<Data extends object>(
  model: LibraryModel,
  task: Task<Data>,
  library: TransformersLibrary,
  server: AdapterServer,
  files: Map<string, Files>,
  base: FitBase,
): Opened<Data> {
  const { graph } = base;
  const { id2label, label2id, problem_type: problemType } = model.config;
  const filesOf = (name: string): Files => {
    const found = files.get(name);
    if (found !== undefined) return found;
    throw new RuntimeError('There is no such adapter', {
      code: 'ADAPTER_UNKNOWN',
      found: name,
      expected: [...files.keys()].join(', ') || 'an adapter that was loaded or trained',
    });
  };
  const configFor = (name: string): AdapterConfig => decodeAdapter(filesOf(name)).config;
  const activate = async (name: string): Promise<AdapterConfig> => {
    filesOf(name);
    const config = await server.setAdapter(name);
    // What pipelines read.
    model.config.id2label = config.id2label;
    model.config.label2id = Object.fromEntries(
      Object.entries(config.id2label).map(([index, label]) => [label, Number(index)]),
    );
    model.config.problem_type = config.loss === 'bce' ? 'multi_label_classification' : null;
    return config;
  };
  const add = async (name: string, added: Files): Promise<AdapterConfig> => {
    const { task_type: type } = decodeAdapter(added).config;
    if (type !== task.type)
      throw new MismatchError('The adapter is for another task', {
        code: 'ADAPTER_TASK',
        found: type,
        expected: task.type,
        hint: 'Load it with the class of its task, for instance HadamardModelForTokenClassification for TOKEN_CLS.',
      });
    await server.addAdapter(name, added);
    files.set(name, added);
    return activate(name);
  };
  const activeName = (): string => {
    const name = server.activeAdapter;
    if (name !== undefined && name !== BASE_ADAPTER) return name;
    throw new RuntimeError('No adapter is active', {
      code: 'ADAPTER_NONE',
      expected: 'one that was trained with fit, loaded with load_adapter or chosen with set_adapter',
    });
  };
  const disable = (): void => {
    server.disableAdapter();
    Object.assign(model.config, { id2label, label2id, problem_type: problemType });
  };

  const methods: AdapterMethods<Data> = {
    tokenizer: base.tokenizer,
    async fit(data, options = {}) {
      const { adapter_name: name = DEFAULT_NAME } = options;
      const { files: trained, stages } = await fitAdapter(base, task, data, options, files.get(name));
      await add(name, trained);
      return { adapter_name: name, stages };
    },
    async evaluate(data, { metric, batch_size: batchSize = BATCH_SIZE } = {}) {
      const config = configFor(activeName());
      const names = Object.values(config.id2label);
      return (
        await evaluate(
          task.predictor(server, config),
          task.split('dev', inColumns(task, data), base, names),
          metric ?? task.metric(names),
          { batchSize },
        )
      ).scores;
    },
    load_adapter: async (source, { adapter_name: name = DEFAULT_NAME, ...hub } = {}) =>
      add(name, await ownFiles(await readAdapterFiles(library.env, source, hub), graph)),
    add_adapter: async (name, options = {}) => add(name, await newAdapter(base, task, options)),
    set_adapter: activate,
    delete_adapter(name) {
      filesOf(name);
      server.removeAdapter(name);
      files.delete(name);
    },
    // Its overloads: nothing for nothing, and for a function what that promises.
    disable_adapter: (<T>(work?: () => Promise<T>): Promise<T> | void => {
      const before = server.activeAdapter;
      disable();
      if (work === undefined) return undefined;
      return work().finally(() =>
        before === undefined || before === BASE_ADAPTER || !files.has(before) ? undefined : activate(before),
      );
    }) as AdapterMethods<Data>['disable_adapter'],
    merge_and_unload: async ({ adapter_name: name = activeName() } = {}) => merged(base, filesOf(name)),
    async save_pretrained(target, { adapter_name: name = activeName() } = {}) {
      await writeAdapterFiles(target, filesOf(name));
    },
    print_trainable_parameters() {
      const { site, norm, layers, cross_attention: crossAttention = false } = configFor(activeName());
      const { trainable: trained, total: all } = describeModel(canonicalize(graph), {
        site,
        norm,
        layers,
        crossAttention,
      });
      const line =
        `trainable params: ${trained.toLocaleString('en')} || all params: ${all.toLocaleString('en')} || ` +
        `trainable%: ${((100 * trained) / all).toFixed(4)}`;
      console.log(line);
      return line;
    },
    dispose: () => server.dispose(),
  };
  Object.defineProperties(model, {
    active_adapter: { get: () => server.activeAdapter },
    adapters: { get: () => [...files.keys()] },
  });

  return {
    // Object.assign does not see the accessors that were defined above.
    model: Object.assign(model, withAliases(methods)) as unknown as AdaptedModel<Data>,
    base,
    server,
    configOf: (name = server.activeAdapter) => (name === BASE_ADAPTER ? undefined : configFor(name ?? activeName())),
    async rowsOf(split, { adapter_names: names, batch_size: size = BATCH_SIZE }) {
      if (names !== undefined && names.length !== split.size)
        throw new DataError('There has to be one adapter name per text', {
          code: 'ADAPTER_NAMES',
          found: `${names.length} names`,
          expected: `${split.size}`,
        });
      for (const name of new Set(names)) if (name !== BASE_ADAPTER) filesOf(name);
      const results: Float32Array[] = [];
      for (const rows of sequentialBatches(split.lengths, size)) {
        const batch = split.batch(rows);
        const options = names === undefined ? {} : { adapterNames: Array.from(rows, (row) => elementAt(names, row)) };
        const answers = await (task.output === 'hidden'
          ? server.encode(batch, options)
          : server.predict(batch, options));
        const perToken = task.output === 'hidden' || task.session.pooling === 'none';
        rows.forEach((row, i) => {
          const values = elementAt(answers, i);
          results[row] = perToken
            ? values.subarray(0, (values.length / batch.sequence) * elementAt(split.lengths, row))
            : values;
        });
      }
      return results;
    },
  };
}

/** Methods under their names and those in camel case. */
function withAliases<Methods extends object>(methods: Methods): WithAliases<Methods> {
  const aliases = Object.entries(methods).map(([name, method]) => [
    name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
    method,
  ]);
  return { ...methods, ...Object.fromEntries(aliases) } as WithAliases<Methods>;
}
