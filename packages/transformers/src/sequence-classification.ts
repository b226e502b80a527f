import { DataError, METRICS, RuntimeError, answerOf, decodeAdapter, evaluate, sequentialBatches, type AdapterConfig, type Batch, type Files, type Split } from '@hadamard-adapter/core';
import { canonicalize, describeModel, type Graph } from '@hadamard-adapter/onnx';
import { createServer, type AdapterServer } from '@hadamard-adapter/onnxruntime';
import { readAdapterFiles, writeAdapterFiles } from './adapter-files.js';
import { fitAdapter, merged, newAdapter, type FitBase } from './fit.js';
import { adapterForward } from './forward.js';
import { readModelFile } from './hub/model-file.js';
import type { HubOptions } from './hub/places.js';
import { classifierClass, libraryOf, type LibraryModel, type LibraryTokenizer, type TransformersLibrary } from './library.js';
import { maxLength, tokenizeTexts } from './texts.js';
import type { AdapterMethods, HadamardModel, PretrainedOptions } from './types.js';

const DEFAULT_NAME = 'default';

/** Texts at once where nobody says how many. */
const BATCH_SIZE = 32;

/**
 * A base model of the hub with Hadamard adapters for text classification: `await HadamardModelForSequenceClassification.from_pretrained('org/name')`. Configuration, tokenizer, downloads and cache are those of
 * transformers.js; the model that comes back is one of its own, and runs in its pipelines.
 *
 * @throws ConfigError LIBRARY_MISSING, DTYPE_UNKNOWN, DEVICE_UNKNOWN; DataError HUB_FILE, HUB_ACCESS; UnsupportedError for a model without recognisable attention; MismatchError ADAPTER_BASE_MISMATCH for an
 * adapter of another base.
 */
async function from_pretrained(id: string, options: PretrainedOptions = {}): Promise<HadamardModel> {
  const { transformers, device, threads, adapter, revision, local_files_only, cache_dir } = options;
  const hub = Object.fromEntries(Object.entries({ revision, local_files_only, cache_dir }).filter(([, value]) => value !== undefined)) as HubOptions;
  const library = await libraryOf(transformers);
  // The file first: what is wrong with it is said better by us than by the library.
  const graph = await readModelFile(library.env, id, options);
  const [config, tokenizer] = await Promise.all([library.AutoConfig.from_pretrained(id, hub), library.AutoTokenizer.from_pretrained(id, hub)]);
  const place = { ...(device === undefined ? {} : { device }), ...(threads === undefined ? {} : { threads }) };
  const files = new Map<string, Files>();
  const server = await createServer({ graph }, { ...place, load: async (name) => files.get(name) });
  const Model = classifierClass(library, config);
  // Its sessions would be those of a model without adapters.
  const model = Object.assign(new Model(config, {}, {}), { _forward: adapterForward(server, library.Tensor) });
  const made = withAdapters(model, { id, library, graph, server, tokenizer, files, place });
  if (adapter !== undefined) await made.load_adapter(adapter, hub);
  return made;
}

interface Parts {
  readonly id: string;
  readonly library: TransformersLibrary;
  readonly graph: Graph;
  readonly server: AdapterServer;
  readonly tokenizer: LibraryTokenizer;
  readonly files: Map<string, Files>;
  readonly place: { readonly device?: string; readonly threads?: number };
}

function withAdapters(model: LibraryModel, { id, library, graph, server, tokenizer, files, place }: Parts): HadamardModel {
  const longest = maxLength(tokenizer, model.config);
  const unknown = (name: string): RuntimeError => new RuntimeError('There is no such adapter', { code: 'ADAPTER_UNKNOWN', found: name, expected: [...files.keys()].join(', ') || 'an adapter that was loaded or trained' });
  const filesOf = (name: string): Files => {
    const found = files.get(name);
    if (found === undefined) throw unknown(name);
    return found;
  };
  const activate = async (name: string): Promise<AdapterConfig> => {
    filesOf(name);
    const config = await server.setAdapter(name);
    // What pipelines read.
    model.config.id2label = config.id2label;
    model.config.label2id = Object.fromEntries(Object.entries(config.id2label).map(([index, label]) => [label, Number(index)]));
    model.config.problem_type = config.loss === 'bce' ? 'multi_label_classification' : null;
    return config;
  };
  const add = async (name: string, added: Files): Promise<AdapterConfig> => {
    await server.addAdapter(name, added);
    files.set(name, added);
    return activate(name);
  };
  const configOf = (name: string): AdapterConfig => decodeAdapter(filesOf(name)).config;
  const activeName = (): string => {
    const name = server.activeAdapter;
    if (name === undefined) throw new RuntimeError('No adapter is active', { code: 'ADAPTER_NONE', expected: 'one that was trained with fit, loaded with load_adapter or chosen with set_adapter' });
    return name;
  };
  /** Logits of each text of a split, of the active adapter or of one for each. */
  const logitsOf = async (split: Split, size: number, names?: readonly string[]): Promise<Float32Array[]> => {
    const results: Float32Array[] = [];
    for (const rows of sequentialBatches(split.lengths, size)) {
      const logits = await server.predict(split.batch(rows), names === undefined ? {} : { adapterNames: Array.from(rows, (row) => names[row] as string) });
      rows.forEach((row, i) => (results[row] = logits[i] as Float32Array));
    }
    return results;
  };

  const base: FitBase = { graph, tokenizer, longest, place, id, family: model.config.model_type };
  const methods: AdapterMethods = {
    tokenizer,
    async fit(data, options = {}) {
      const { adapter_name: name = DEFAULT_NAME } = options;
      const { files: trained, stages } = await fitAdapter(base, data, options, files.get(name));
      await add(name, trained);
      return { adapter_name: name, stages };
    },
    async evaluate(data, { metric = METRICS.accuracy, batch_size: batchSize = BATCH_SIZE } = {}) {
      const { id2label, num_labels: numLabels, loss } = configOf(activeName());
      const split = tokenizeTexts('dev', data, tokenizer, longest, Object.values(id2label));
      const predict = async (batch: Batch): Promise<Float32Array> => Float32Array.from((await server.predict(batch)).flatMap((row) => [...row]));
      return (await evaluate({ predict, numLabels, loss }, split, metric, { batchSize })).scores;
    },
    async classify(texts, { text_pairs: pairs, adapter_names: names, batch_size: size = BATCH_SIZE } = {}) {
      if (names !== undefined && names.length !== texts.length) throw new DataError('There has to be one adapter name per text', { code: 'ADAPTER_NAMES', found: `${names.length} names`, expected: `${texts.length}` });
      const configs = new Map([...new Set(names ?? [activeName()])].map((name) => [name, configOf(name)]));
      const split = tokenizeTexts('texts', { texts, ...(pairs === undefined ? {} : { text_pairs: pairs }) }, tokenizer, longest, []);
      return (await logitsOf(split, size, names)).map((logits, i) => {
        const { id2label, loss } = configs.get(names?.[i] ?? activeName()) as AdapterConfig;
        const { index, score } = answerOf(logits, loss);
        return { label: id2label[String(index)] as string, score };
      });
    },
    load_adapter: async (source, { adapter_name: name = DEFAULT_NAME, ...hub } = {}) => add(name, await readAdapterFiles(library.env, source, hub)),
    add_adapter: async (name, options) => add(name, await newAdapter(base, options)),
    set_adapter: activate,
    delete_adapter(name) {
      filesOf(name);
      server.removeAdapter(name);
      files.delete(name);
    },
    merge_and_unload: async ({ adapter_name: name = activeName() } = {}) => merged(base, filesOf(name)),
    async save_pretrained(target, { adapter_name: name = activeName() } = {}) {
      await writeAdapterFiles(target, filesOf(name));
    },
    print_trainable_parameters() {
      const { site, norm, layers, cross_attention: crossAttention = false } = configOf(activeName());
      const { trainable: trained, total: all } = describeModel(canonicalize(graph), { site, norm, layers, crossAttention });
      const line = `trainable params: ${trained.toLocaleString('en')} || all params: ${all.toLocaleString('en')} || trainable%: ${((100 * trained) / all).toFixed(4)}`;
      console.log(line);
      return line;
    },
    dispose: () => server.dispose(),
  };
  Object.defineProperties(model, {
    active_adapter: { get: () => server.activeAdapter },
    adapters: { get: () => [...files.keys()] },
  });
  return Object.assign(model, methods) as unknown as HadamardModel;
}

export const HadamardModelForSequenceClassification = { from_pretrained, fromPretrained: from_pretrained };
