import { normal, type Batch, type Files } from '@hadamard-adapter/core';
import { float32Tensor, int, readModel, scalarTensor, type Graph, type Node } from '@hadamard-adapter/graph/internal';
import type { SessionOptions } from '@hadamard-adapter/runtime/internal';
import { readFileSync } from 'node:fs';
import { loadModel, saveAdapter } from '../../src/index.js';
import { HIDDEN } from './tiny.js';

/** An adapter folder, and what the base answers with it alone. */
export interface MadeAdapter {
  readonly files: Files;
  /** One row after the other, as a server answers. */
  readonly logits: readonly Float32Array[];
}

/** Adapters, norms and classifier away from where they start, so that none answers as another. */
export async function makeAdapter(
  graph: Graph,
  options: SessionOptions,
  seed: number,
  batch: Batch,
): Promise<MadeAdapter> {
  const session = await loadModel({ graph }, { ...options, threads: 1 });
  const start = await session.read();
  const noise = normal(start.length, 0.2, seed, 'serve');
  await session.write(start.map((value, i) => value + (noise[i] as number)));
  const flat = await session.predict(batch);
  const files = await saveAdapter(session, { baseModel: 'test', labels: [] });
  await session.dispose();
  return {
    files,
    logits: Array.from({ length: batch.batch }, (_, row) =>
      flat.subarray(row * options.numLabels, (row + 1) * options.numLabels),
    ),
  };
}

/** A model of the conformance package. */
export const packagedGraph = (name: string): Graph =>
  readModel(new Uint8Array(readFileSync(new URL(`../../../conformance-fixtures/fixtures/${name}`, import.meta.url))));

/** Rows of different lengths, with ids that every fixture has; padding is id 1, as the roberta fixture wants. */
export function rowsOf(batch: number, sequence = 7): Batch {
  const real = (i: number): boolean => i % sequence < sequence - (Math.floor(i / sequence) % 3);
  const matrix = (value: (i: number) => number, padding: number): Int32Array =>
    Int32Array.from({ length: batch * sequence }, (_, i) => (real(i) ? value(i) : padding));
  return {
    batch,
    sequence,
    inputIds: matrix((i) => 5 + ((i * 13) % 40), 1),
    attentionMask: matrix(() => 1, 0),
    tokenTypeIds: matrix(() => 0, 0),
  };
}

/** The encoder of `tinyBert` with a classifier of its own: dense, tanh, three labels. */
export function withOwnHead(encoder: Graph, labels = 3): Graph {
  const node = (op: string, inputs: readonly string[], output: string, attributes: Node['attributes'] = {}): Node => ({
    op,
    domain: '',
    name: output,
    inputs,
    outputs: [output],
    attributes,
  });
  const weights = (name: string, ...dims: number[]) =>
    float32Tensor(
      normal(
        dims.reduce((a, b) => a * b, 1),
        0.3,
        5,
        name,
      ),
      dims,
    );
  return {
    ...encoder,
    nodes: [
      ...encoder.nodes,
      node('Gather', ['last_hidden_state', 'first'], 'cls', { axis: int(1) }),
      node('Gemm', ['cls', 'dense.weight', 'dense.bias'], 'dense', { transB: int(1) }),
      node('Tanh', ['dense'], 'features'),
      node('Gemm', ['features', 'out.weight', 'out.bias'], 'logits', { transB: int(1) }),
    ],
    tensors: new Map([
      ...encoder.tensors,
      ['first', scalarTensor('int64', 0)],
      ['dense.weight', weights('dense', HIDDEN, HIDDEN)],
      ['dense.bias', weights('dense.bias', HIDDEN)],
      ['out.weight', weights('out', labels, HIDDEN)],
      ['out.bias', weights('out.bias', labels)],
    ]),
    outputs: [...encoder.outputs, { name: 'logits', dtype: 'float32', dims: ['batch', labels] }],
  };
}
