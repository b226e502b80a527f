import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as current from '@huggingface/transformers';
import * as earlier from '@xenova/transformers';
import {
  HadamardModelForSequenceClassification,
  type SequenceClassifier,
  type PretrainedOptions,
} from '../src/index.js';

export { failure } from '../../onnxruntime/tests/support/failure.js';

/** The folder that holds the embedded base model in the layout of the hub. */
export const ASSETS = fileURLToPath(new URL('../../cli/assets/', import.meta.url));

/** Both generations of transformers.js, kept from the network. */
export const LIBRARIES = [
  ['@huggingface/transformers', current],
  ['@xenova/transformers', earlier],
] as const;
for (const [, { env }] of LIBRARIES) {
  env.allowRemoteModels = false;
  env.localModelPath = ASSETS;
}

export type AnyLibrary = (typeof LIBRARIES)[number][1];

export const loaderOf =
  (transformers: AnyLibrary) =>
  (options: PretrainedOptions = {}): Promise<SequenceClassifier> =>
    HadamardModelForSequenceClassification.from_pretrained('mini-bert', { transformers, threads: 1, ...options });

/** Example texts on six subjects. */
export function examples(
  split: 'train' | 'test',
  count = Number.POSITIVE_INFINITY,
): { texts: string[]; labels: string[] } {
  const lines = readFileSync(`${ASSETS}examples/${split}.csv`, 'utf8')
    .trim()
    .split('\n')
    .slice(1, 1 + count);
  const rows = lines.map(
    (line) => /^(?:"(?<quoted>.*)"|(?<plain>.*)),(?<label>\w+)$/.exec(line)?.groups as Readonly<Record<string, string>>,
  );
  return {
    texts: rows.map(({ quoted, plain }) => (quoted ?? plain ?? '').replaceAll('""', '"')),
    labels: rows.map(({ label }) => label as string),
  };
}

export const QUICK = {
  pooling: 'mean',
  classifier: { epochs: 8, learningRate: 0.02 },
  num_train_epochs: 3,
  learning_rate: 0.01,
} as const;

/** What `learned` needs of a model, whatever its task. */
interface Learner<Data> {
  fit(data: Data, options: object): Promise<unknown>;
  save_pretrained(target: string, options: object): Promise<unknown>;
  load_adapter(source: string, options: object): Promise<unknown>;
  delete_adapter(name: string): void;
}

/**
 * Train an adapter once for both libraries: training is our session's, whoever tokenizes. The first trains and saves to
 * `target`; the other takes one short run of its own on `few`, and what the first has learned.
 */
export async function learned<Data>(
  model: Learner<Data>,
  target: string,
  data: { readonly all: Data; readonly few: Data },
  options: { readonly adapter_name?: string; readonly [option: string]: unknown },
): Promise<void> {
  const name = options.adapter_name ?? 'default';
  if (existsSync(target)) {
    await model.fit(data.few, {
      ...options,
      classifier: { epochs: 1, learningRate: 0.02 },
      num_train_epochs: 1,
      adapter_name: 'own',
    });
    model.delete_adapter('own');
    await model.load_adapter(target, { adapter_name: name });
  } else {
    await model.fit(data.all, options);
    await model.save_pretrained(target, { adapter_name: name });
  }
}
