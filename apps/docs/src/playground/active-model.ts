import { layout, softmax, type Group } from '@hadamard-adapter/core';
import type { CardInfo } from '@hadamard-adapter/core/folder';
import { saveAdapter } from '@hadamard-adapter/onnxruntime/web';
import { tokenize } from '@hadamard-adapter/tasks';
import type { BaseModel } from './base-model.js';
import { layersOf, type LayerMap } from './layer-map.js';
import type { OpenModel } from './model-host.js';

/** The model that answers: one that was trained here, or one with an adapter that was loaded. */
export interface ActiveModel {
  readonly origin: 'trained' | 'loaded';
  /** Of the data it was trained on, or of the adapter's folder. */
  readonly name: string;
  readonly labels: readonly string[];
  /** Numbers trained beside the classifier, as the paper counts, and parameters of the base. */
  readonly trainable: number;
  readonly total: number;
  /** Probabilities of the classes, with the adapter and without it. */
  classify(text: string): Promise<Answer>;
  layers(): Promise<LayerMap>;
  /** The files of the adapter folder. */
  files(card: CardInfo): Promise<Record<string, Uint8Array>>;
}

export interface Answer {
  readonly text: string;
  readonly withAdapter: Float32Array;
  readonly without: Float32Array;
  /** Whether the text was longer than the model reads. */
  readonly cut: boolean;
}

const TRAINED: readonly Group[] = ['adapter', 'norm'];

export function activeModel(
  { session, untrained }: OpenModel,
  { name: baseName, family, tokenizer }: BaseModel,
  about: Pick<ActiveModel, 'origin' | 'name' | 'labels'>,
): ActiveModel {
  let queue: Promise<unknown> = Promise.resolve();
  /** One after the other: while the adapter is taken out, nobody else may ask. */
  const alone = <T>(work: () => Promise<T>): Promise<T> => {
    const result = queue.then(work);
    queue = result.catch(() => undefined);
    return result;
  };
  return {
    ...about,
    trainable: layout(session.parameters).sizeOfGroups(TRAINED),
    total: session.compiled.canonical.parameterCount,
    classify: (text) =>
      alone(async () => {
        const split = await tokenize(
          { kind: 'classification', labels: about.labels, examples: [{ text }], skipped: [] },
          tokenizer,
          { id: 'typed' },
        );
        const batch = split.batch(Int32Array.of(0));
        const withAdapter = softmax(await session.predict(batch), session.numLabels);
        const trained = await session.read(TRAINED);
        await session.write(untrained, TRAINED);
        try {
          return {
            text,
            withAdapter,
            without: softmax(await session.predict(batch), session.numLabels),
            cut: split.truncated > 0,
          };
        } finally {
          await session.write(trained, TRAINED);
        }
      }),
    layers: () => alone(async () => layersOf(session.parameters, await session.read(['adapter']))),
    files: (card) =>
      alone(() =>
        saveAdapter(session, {
          baseModel: baseName,
          family,
          labels: about.labels,
          task: about.name,
          maxLength: tokenizer.maxLength,
          card,
        }),
      ),
  };
}
