import { DataError, METRICS, RuntimeError, argmax, decodeAdapter, type AdapterConfig, type Files, type Metric } from '@hadamard-adapter/core';
import { canonicalize, describeModel, type Graph } from '@hadamard-adapter/onnx';
import { createServer, type AdapterServer } from '@hadamard-adapter/onnxruntime';
import { readAdapterFiles, writeAdapterFiles, type AdapterSource } from './adapter-files.js';
import { fitAdapter, merged, newAdapter, type FitBase } from './fit.js';
import { adapterForward } from './forward.js';
import { readModelFile } from './hub/model-file.js';
import type { HubOptions } from './hub/places.js';
import { classifierClass, libraryOf, type LibraryModel, type LibraryTokenizer, type TransformersLibrary } from './library.js';
import { maxLength, tokenizeTexts, type LabelledTexts } from './texts.js';
import type { AddOptions, Classification, FitOptions, FitResult, HadamardModel, PretrainedOptions } from './types.js';

const DEFAULT_NAME = 'default';

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
  const labelsOf = (name: string): string[] => Object.values(decodeAdapter(filesOf(name)).config.id2label);
  const activeName = (): string => {
    const name = server.activeAdapter;
    if (name === undefined) throw new RuntimeError('No adapter is active', { code: 'ADAPTER_NONE', expected: 'one that was trained with fit, loaded with load_adapter or chosen with set_adapter' });
    return name;
  };
  /** Logits of each text, in batches of texts of similar length. */
  const logitsOf = async (data: LabelledTexts, labels: readonly string[], size: number, names?: readonly string[]): Promise<Float32Array[]> => {
    const split = tokenizeTexts('texts', { texts: data.texts, ...(data.text_pairs === undefined ? {} : { text_pairs: data.text_pairs }) }, tokenizer, longest, labels);
    const order = Int32Array.from(data.texts.keys()).toSorted((a, b) => (split.lengths[a] as number) - (split.lengths[b] as number));
    const results: Float32Array[] = [];
    for (let start = 0; start < order.length; start += size) {
      const rows = order.slice(start, start + size);
      const logits = await server.predict(split.batch(rows), names === undefined ? {} : { adapterNames: Array.from(rows, (row) => names[row] as string) });
      rows.forEach((row, i) => (results[row] = logits[i] as Float32Array));
    }
    return results;
  };

  const base: FitBase = { graph, tokenizer, longest, place, id, family: model.config.model_type };
  const methods = {
    tokenizer,
    async fit(data: LabelledTexts, options: FitOptions = {}): Promise<FitResult> {
      const { adapter_name: name = DEFAULT_NAME } = options;
      const { files: trained, stages } = await fitAdapter(base, data, options, files.get(name));
      await add(name, trained);
      return { adapter_name: name, stages };
    },
    async evaluate(data: LabelledTexts, { metric = METRICS.accuracy, batch_size: size = 32 }: { readonly metric?: Metric; readonly batch_size?: number } = {}): Promise<Readonly<Record<string, number>>> {
      const labels = labelsOf(activeName());
      const targets = tokenizeTexts('dev', data, tokenizer, longest, labels).labels ?? new Float32Array(0);
      const logits = await logitsOf(data, labels, size);
      const all = new Float32Array(logits.length * labels.length);
      logits.forEach((row, i) => all.set(row, i * labels.length));
      return metric.compute(all, targets, labels.length);
    },
    async classify(texts: readonly string[], { text_pairs, adapter_names: names, batch_size: size = 32 }: { readonly text_pairs?: readonly string[]; readonly adapter_names?: readonly string[]; readonly batch_size?: number } = {}): Promise<Classification[]> {
      if (names !== undefined && names.length !== texts.length) throw new DataError('There has to be one adapter name per text', { code: 'ADAPTER_NAMES', found: `${names.length} names`, expected: `${texts.length}` });
      for (const name of new Set(names)) filesOf(name);
      const logits = await logitsOf({ texts, ...(text_pairs === undefined ? {} : { text_pairs }) }, [], size, names);
      return logits.map((row, i) => {
        const best = argmax(row, row.length)[0] as number;
        const largest = row[best] as number;
        const sum = row.reduce((total, value) => total + Math.exp(value - largest), 0);
        return { label: labelsOf(names?.[i] ?? activeName())[best] as string, score: 1 / sum };
      });
    },
    async load_adapter(source: AdapterSource, { adapter_name: name = DEFAULT_NAME, ...hub }: { readonly adapter_name?: string; readonly revision?: string; readonly local_files_only?: boolean } = {}): Promise<AdapterConfig> {
      return add(name, await readAdapterFiles(library.env, source, hub));
    },
    add_adapter: async (name: string, options: AddOptions): Promise<AdapterConfig> => add(name, await newAdapter(base, options)),
    set_adapter: activate,
    delete_adapter(name: string): void {
      filesOf(name);
      server.removeAdapter(name);
      files.delete(name);
    },
    merge_and_unload: ({ adapter_name: name = activeName() }: { readonly adapter_name?: string } = {}): Promise<Uint8Array[]> => merged(base, filesOf(name)),
    async save_pretrained(target: string | FileSystemDirectoryHandle, { adapter_name: name = activeName() }: { readonly adapter_name?: string } = {}): Promise<void> {
      await writeAdapterFiles(target, filesOf(name));
    },
    print_trainable_parameters(): string {
      const { site, norm, layers, cross_attention: crossAttention = false } = decodeAdapter(filesOf(activeName())).config;
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
