import type { Graph } from '@hadamard-adapter/graph/internal';
import { foldIntoWeights, type FoldedGraph, type ParameterValues } from './merge/fold.js';
import type { AdapterModel } from './model.js';
import { LOWERED, runPasses, storedPasses } from './passes.js';

/**
 * Fold trained adapters into the weights behind them, so that inference costs nothing: a plain graph of the base
 * model's inputs with the outputs `logits` and the hidden states; of spans `start_logits` and `end_logits` [batch,
 * sequence], as Hugging Face exports them; without a classifier the hidden states alone. Site `context`: W′ = diag(w)·W
 * and bias′ = bias + b·W; site `output`: W′ = W·diag(w) and bias′ = w⊙bias + b (W as [in, out]); trained norms and the
 * classifier become constants. Only the matrices that change are copied. A quantized matrix is not touched: behind it w
 * goes into its scales, in front of it the adapter stays as two vectors.
 *
 * @throws MismatchError PARAMETER_MISSING when a value is absent or of another size; UnsupportedError FOLD_BASELINE for
 *   what is trained in another place than an adapter.
 */
export const foldAdapters = (model: AdapterModel, values: ParameterValues): Graph =>
  foldWithRecord(model, values).graph;

/** As `foldAdapters`, with what `unfoldAdapters` needs to undo it. */
export function foldWithRecord(model: AdapterModel, values: ParameterValues): FoldedGraph {
  const { graph, record } = foldIntoWeights(model, values);
  const { hidden, precision } = model.canonical;
  return { graph: runPasses([...LOWERED, ...storedPasses(hidden, precision)], graph), record };
}
