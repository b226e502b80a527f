import { readFileSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Batch } from '@hadamard-adapter/core';
import type { CanonicalGraph } from '../../src/forms/canonical-graph.js';
import { canonicalize } from '../../src/canonicalize.js';
import { readModel, type Graph, type Value } from '@hadamard-adapter/graph/internal';

const folder = fileURLToPath(new URL('../../../conformance-fixtures/fixtures', import.meta.url));

/** Every model of the conformance package, as `bert/model.onnx`. */
export function packagedModels(): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.onnx'))
    .toSorted();
}

export const packagedFile = (name: string): Uint8Array => new Uint8Array(readFileSync(`${folder}/${name}`));

export const packagedConfig = (family: string): unknown =>
  JSON.parse(readFileSync(`${folder}/${family}/config.json`, 'utf8'));

export function packagedGraph(name: string): Graph {
  return readModel(packagedFile(name));
}

/** What was recorded of a family, as far as tests of structure need it. */
export interface Golden {
  readonly variants: Readonly<Record<string, { readonly adapters: readonly { readonly key: string }[] }>>;
  readonly attention_output_norms: string[];
  readonly ffn_output_norms: string[];
}

export function packagedGolden(family: string): Golden {
  return JSON.parse(readFileSync(`${folder}/${family}/golden.json`, 'utf8')) as Golden;
}

const canonical = new Map<string, CanonicalGraph>();

/**
 * The same object for the same name: nothing writes to a graph, and to canonicalize each model for every test takes
 * long.
 */
export function packagedCanonical(name: string): CanonicalGraph {
  const known = canonical.get(name) ?? canonicalize(packagedGraph(name));
  canonical.set(name, known);
  return known;
}

/** Token inputs for any of the models: the second row is padded. */
export function tokens(graph: Graph, { batch = 2, sequence = 6, padding = 2 } = {}): Map<string, Value> {
  const feeds = new Map<string, Value>();
  for (const { name } of graph.inputs) {
    const data = new Float64Array(batch * sequence);
    for (let i = 0; i < data.length; i++) {
      const real = i < (batch - 1) * sequence || i % sequence < sequence - padding;
      // The padding id of the roberta fixture is 1, which its position ids depend on.
      if (name === 'input_ids') data[i] = real ? 5 + ((i * 13) % 80) : 1;
      else if (name === 'attention_mask') data[i] = real ? 1 : 0;
    }
    feeds.set(name, { dtype: 'int64', dims: [batch, sequence], data });
  }
  return feeds;
}

/** The tokens of `tokens` as a batch of core, with labels. */
export function batchOf(labels: readonly number[] = [0, 1]): Batch {
  const values = tokens(packagedGraph('bert/model.onnx'));
  const of = (name: string): Int32Array => Int32Array.from(values.get(name)?.data ?? []);
  return {
    batch: 2,
    sequence: 6,
    inputIds: of('input_ids'),
    attentionMask: of('attention_mask'),
    tokenTypeIds: of('token_type_ids'),
    labels: Float32Array.from(labels),
  };
}

/** Largest difference of two [batch, sequence, width] values at positions whose mask is 1. */
export function differenceAtTokens(left: Value, right: Value, mask: Value): number {
  const width = left.dims.at(-1) as number;
  let worst = 0;
  left.data?.forEach((value, i) => {
    if (mask.data?.[Math.floor(i / width)] === 1)
      worst = Math.max(worst, Math.abs(value - (right.data?.[i] ?? Number.NaN)));
  });
  return worst;
}
