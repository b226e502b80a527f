// A page as a person writes it, but that a test outside of it says when to do what.
import * as transformers from '@huggingface/transformers';
import {
  HadamardModelForSequenceClassification,
  type Classification,
  type FitOptions,
  type LabelledTexts,
  type SequenceClassifier,
} from '../../src/index.js';

// Models lie beside the page, and nowhere else.
transformers.env.allowRemoteModels = false;
transformers.env.allowLocalModels = true;
transformers.env.localModelPath = '/models/';

let model: SequenceClassifier | undefined;

/** Loaded by whoever asks first; a page that was loaded again has none. */
const loaded = async (): Promise<SequenceClassifier> =>
  (model ??= await HadamardModelForSequenceClassification.from_pretrained('mini-bert', {
    transformers,
    device: 'wasm',
    threads: 2,
  }));

const page = {
  isIsolated: (): boolean => globalThis.crossOriginIsolated,
  isLoaded: (): boolean => model !== undefined,
  async fit(data: LabelledTexts, options: FitOptions<LabelledTexts>): Promise<void> {
    await (await loaded()).fit(data, options);
  },
  async save(target: string): Promise<void> {
    await (await loaded()).save_pretrained(target);
  },
  async load(source: string, name: string): Promise<void> {
    await (await loaded()).load_adapter(source, { adapter_name: name });
  },
  evaluate: async (data: LabelledTexts): Promise<Readonly<Record<string, number>>> => (await loaded()).evaluate(data),
  classify: async (texts: readonly string[]): Promise<Classification[]> => (await loaded()).classify(texts),
};

export type Page = typeof page;

Object.assign(globalThis, { page });
