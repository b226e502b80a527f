import { factsOf, isQuantizedLinear, type Graph } from '@hadamard-adapter/graph/internal';
import type { CanonicalGraph } from './forms/canonical-graph.js';
import { countParameters } from './forms/count-parameters.js';
import { HIDDEN } from './forms/names.js';
import { CANONICAL, runPasses } from './passes.js';
import { outputText } from './passes/cut-to-encoder.js';
import { unshareVectors } from './passes/unshare-vectors.js';
import { wasFloat16 } from './passes/widen-float16.js';

export interface CanonicalizeOptions {
  /** Keep the classifier that the model came with; otherwise it is cut back to its encoder. Default false. */
  readonly keepHead?: boolean;
}

/**
 * Reduce what exporters emit to a few forms: `Linear`, `LayerNormalization`, `RMSNormalization`, `Gelu`, `Attention`,
 * constant reshapes, one padding bias; everything at opset 18 or later. The result computes the same numbers as the
 * graph it came from, at every position that is not padding. What is done in which order: see `CANONICAL`.
 *
 * @throws UnsupportedError MODEL_INPUT for a model that does not read text, MODEL_OUTPUT when there are no hidden
 *   states; ConfigError MODEL_HEAD when there is no head to keep.
 */
export function canonicalize(source: Graph, { keepHead = false }: CanonicalizeOptions = {}): CanonicalGraph {
  const context = { keepHead, declared: source.outputs };
  // Counted while every weight is there, those of a head that is cut off included.
  const counted = CANONICAL.indexOf(unshareVectors) + 1;
  const lifted = runPasses(CANONICAL.slice(0, counted), source, context);
  const whole = runPasses(CANONICAL.slice(counted, -1), lifted, context);
  const graph = runPasses(CANONICAL.slice(-1), whole, context);
  const [states, logits] = graph.outputs;
  const kept = new Set(graph.outputs.map(({ name }) => name));
  return {
    graph,
    hidden: states?.name ?? HIDDEN,
    hiddenSize: numberIn(states?.dims.at(-1)) ?? 0,
    numLabels: numberIn(logits?.dims.at(-1)),
    perToken: logits?.dims.length === 3,
    cut: source.outputs.filter(({ name }) => !kept.has(name)).map(({ name }) => outputText(name, factsOf(whole))),
    parameterCount: countParameters(lifted, graph),
    precision: graph.nodes.some(isQuantizedLinear) ? 'int8' : wasFloat16(lifted) ? 'float16' : 'float32',
  };
}

const numberIn = (dim: number | string | undefined): number | undefined => (typeof dim === 'number' ? dim : undefined);
