import { ROWS_INPUT, PARAMETERS_INPUT, type ServingModel } from '@hadamard-adapter/compiler/internal';
import { present } from '@hadamard-adapter/core/internal';
import { headShape, type PackedAdapter } from '@hadamard-adapter/runtime/internal';
import type { Feeds, OrtModule } from '../ort.js';

type TensorClass = OrtModule['Tensor'];

/** One adapter for the whole batch: its vectors and its classifier as they are, nothing is copied. */
export function oneFeeds(
  Tensor: TensorClass,
  { head, options }: ServingModel,
  adapter: PackedAdapter,
  wanted: readonly string[],
): Feeds {
  const feeds: Record<string, Feeds[string]> = {
    [PARAMETERS_INPUT]: new Tensor('float32', adapter.vectors, [adapter.vectors.length]),
  };
  for (const parameter of head) {
    if (!wanted.includes(parameter.name)) continue;
    const dims = headShape(options.head, parameter, adapter.labels);
    feeds[parameter.name] = new Tensor('float32', present(adapter.head.get(parameter.name)), dims);
  }
  return feeds;
}

/**
 * The adapters of a batch that mixes them, one below the other.
 *
 * @param rows which of `adapters` each row has, [batch].
 * @param wanted inputs of the graph.
 */
export function stackedFeeds(
  Tensor: TensorClass,
  { head, options, vectors }: ServingModel,
  adapters: readonly PackedAdapter[],
  rows: readonly number[],
  wanted: readonly string[],
): Feeds {
  const count = adapters.length;
  const stack = new Float32Array(count * vectors.size);
  adapters.forEach((adapter, i) => stack.set(adapter.vectors, i * vectors.size));
  const feeds: Record<string, Feeds[string]> = {
    [PARAMETERS_INPUT]: new Tensor('float32', stack, [count, vectors.size]),
    [ROWS_INPUT]: new Tensor('int64', BigInt64Array.from(rows, BigInt), [rows.length]),
  };
  const labels = Math.max(...adapters.map((adapter) => adapter.labels));
  for (const parameter of head) {
    if (!wanted.includes(parameter.name)) continue;
    // Labels are the first dimension: those that an adapter does not have are zeros behind its own.
    const dims = headShape(options.head, parameter, labels);
    const size = dims.reduce((product, dim) => product * dim, 1);
    const all = new Float32Array(count * size);
    adapters.forEach((adapter, i) => all.set(present(adapter.head.get(parameter.name)), i * size));
    feeds[parameter.name] = new Tensor('float32', all, [count, ...dims]);
  }
  return feeds;
}
