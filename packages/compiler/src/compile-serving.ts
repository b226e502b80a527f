import { prune, type Graph, type ValueInfo } from '@hadamard-adapter/graph/internal';
import { LOGITS } from './forms/names.js';
import { ASKED, LOWERED, programPasses, runPasses, storedPasses } from './passes.js';
import type { Pass } from './passes/pass.js';
import { hasLabels, type ServedOutput } from './serving/adapter.js';
import type { ServingModel } from './serving/model.js';
import { applyPerRow } from './serving/per-row.js';

/**
 * The inference graph with one adapter for the whole batch. Inputs: the tokens; `parameters` [n], adapters and norms
 * flat; the tensors of the classifier under their own names, `classifier.weight` [labels, hidden] and so on, for any
 * number of labels.
 */
export function compileServing(serving: ServingModel, output: ServedOutput = 'logits'): Graph {
  const passes = programPasses({ parameters: serving.vectors.parameters });
  return finish(answering(serving, output), passes, serving);
}

/**
 * The inference graph with one adapter per row. Inputs: the tokens; a stack of k adapters, `parameters` [k, n], and
 * their classifiers with a leading dimension k, padded to one number of labels; `adapter_rows` [batch] int64, the row
 * of the stack for each example.
 *
 * @throws UnsupportedError SERVE_ROWS when a trained tensor is used in a way that cannot be told apart by row.
 */
export function compileServingRows(serving: ServingModel, output: ServedOutput = 'logits'): Graph {
  return finish(applyPerRow(answering(serving, output), serving.vectors, serving.head), LOWERED, serving);
}

function answering({ model, head, options }: ServingModel, output: ServedOutput): Graph {
  const names = new Set(head.filter(({ name }) => hasLabels(options.head, name)).map(({ name }) => name));
  const open = (input: ValueInfo): ValueInfo =>
    names.has(input.name) ? { ...input, dims: ['labels', ...input.dims.slice(1)] } : input;
  const { hidden } = model.canonical;
  const perLabel = options.pooling === 'none' ? ['batch', 'sequence', 'labels'] : ['batch', 'labels'];
  const outputs =
    output === 'hidden'
      ? model.graph.outputs.filter(({ name }) => name === hidden)
      : [{ name: LOGITS, dtype: 'float32' as const, dims: perLabel }];
  return runPasses(ASKED, prune({ ...model.graph, inputs: model.graph.inputs.map(open), outputs }));
}

function finish(graph: Graph, passes: readonly Pass[], { model: { canonical } }: ServingModel): Graph {
  return runPasses([...passes, ...storedPasses(canonical.hidden, canonical.precision)], graph);
}
