import type { Metric, Predictor, Split, TrainableModel } from '@hadamard-adapter/core';
import type { AdapterConfig } from '@hadamard-adapter/core/folder';
import type { SessionOptions } from '@hadamard-adapter/runtime/internal';
import type { AdapterServer } from '@hadamard-adapter/onnxruntime';
import type { Reader } from './data/reader.js';
import type { AutoClass, LibraryTensor, TransformersLibrary } from './library.js';

/** A tensor of an answer, by the name that transformers.js has for it. */
export type Answers = Readonly<Record<string, LibraryTensor>>;

/** One answer for each row of a batch, as a server gives them. */
export interface Rows {
  readonly values: readonly Float32Array[];
  readonly batch: number;
  readonly sequence: number;
}

/** An example of a dataset, by the names that Hugging Face datasets use. */
export type Row = Readonly<Record<string, unknown>>;

/** What sets one task apart from the others; everything about adapters they have in common. */
export interface Task<Data> {
  readonly type: AdapterConfig['task_type'];
  readonly auto: AutoClass;
  /** What its model asks the server for. */
  readonly output: 'logits' | 'hidden';
  /** Loss, head and pooling that its adapters have; pooling may be another where it is not `none`. */
  readonly session: Pick<SessionOptions, 'loss' | 'head' | 'pooling'>;
  /** Rows of a dataset as columns. */
  columns(rows: readonly Row[]): Data;
  /** Names of the labels that the data has. */
  labelNames(data: Data): string[];
  split(id: string, data: Data, reader: Reader, names: readonly string[]): Split;
  /** How it is scored where nobody says. */
  metric(names: readonly string[]): Metric;
  /** The answer of its model in transformers.js. */
  answers(rows: Rows, Tensor: TransformersLibrary['Tensor']): Answers;
  /** The active adapter as a model that core can score. */
  predictor(server: AdapterServer, config: AdapterConfig): Predictor & Pick<TrainableModel, 'loss'>;
}

/** Rows of different lengths in one list, filled up with −∞, which a softmax makes 0. */
export function padded(values: readonly Float32Array[], width: number): Float32Array {
  const all = new Float32Array(values.length * width).fill(Number.NEGATIVE_INFINITY);
  values.forEach((row, i) => all.set(row, i * width));
  return all;
}

/** Logits as the server gives them. */
export function logitsPredictor(
  { predict }: AdapterServer,
  { num_labels: numLabels, loss }: AdapterConfig,
): Predictor & Pick<TrainableModel, 'loss'> {
  return {
    numLabels,
    loss,
    async predict(batch) {
      const rows = await predict(batch);
      const all = new Float32Array(rows.reduce((sum, row) => sum + row.length, 0));
      let at = 0;
      for (const row of rows) {
        all.set(row, at);
        at += row.length;
      }
      return all;
    },
  };
}
