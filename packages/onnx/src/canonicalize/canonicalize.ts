import { UnsupportedError } from '@hadamard-adapter/core';
import { prune } from '../graph/prune.js';
import type { Graph, ValueInfo } from '../graph/graph.js';
import { isQuantizedLinear } from '../graph/linear.js';
import { fuseAttention } from './attention.js';
import { resolveBranches } from './branches.js';
import { dropCasts, dropIdentities, dropZeroShifts, foldConstants, liftConstants } from './constants.js';
import { expandFused } from './contrib/expand.js';
import { fuseGelus } from './gelu.js';
import { isHalf, widenHalf } from './half.js';
import { fuseLayerNorms } from './layer-norm.js';
import { fuseLinears, nameMatrices } from './linear.js';
import { canonicalizeMasks } from './masks.js';
import { countParameters } from './parameters.js';
import { dimsOf, isBatch, isConstantDim, isSequence, probe } from './probe.js';
import { fuseRmsNorms } from './rms-norm.js';
import { fuseQuantizedLinears } from './quantized.js';
import { constantReshapes, directTransposes, mergeTransposes } from './reshape.js';
import { upgradeOperators } from './upgrade.js';
import { unshareVectors } from './unshare.js';
import { unpackWeights } from './weights.js';

/** A graph in the few forms that the later steps know, with the output that holds the hidden states of the last layer. */
export interface CanonicalGraph {
  readonly graph: Graph;
  /** [batch, sequence, hiddenSize], float32. */
  readonly hidden: string;
  readonly hiddenSize: number;
  /** Numbers in the weights of the model as it came, poolers and heads included. */
  readonly parameters: number;
  /** How the file stores its matrices. Inference runs them as they are; training differentiates through what they stand for. */
  readonly precision: Precision;
}

export type Precision = 'float32' | 'float16' | 'int8';

/**
 * Reduce what exporters emit to a few forms: `Linear`, `LayerNormalization`, `RMSNormalization`, `Gelu`, `Attention`, constant reshapes, one padding bias; everything at
 * opset 18 or later. The result computes the same numbers as the graph it came from, at every position that is not padding.
 *
 * @throws UnsupportedError MODEL_OUTPUT when there is no single output of hidden states.
 */
export function canonicalize(source: Graph): CanonicalGraph {
  const written = expandFused(resolveBranches(expandFused(liftConstants(dropZeroShifts(source)))));
  const half = isHalf(written);
  const lifted = unshareVectors(unpackWeights(dropIdentities(half ? widenHalf(written) : written)));
  const { hidden, hiddenSize } = hiddenOutput(lifted);
  const encoder = prune({ ...lifted, outputs: [hidden] });
  const first = probe(encoder);
  const upgraded = foldConstants(dropCasts(upgradeOperators(encoder, first), first));
  const shapes = probe(upgraded);
  const reshaped = mergeTransposes(directTransposes(constantReshapes(upgraded, shapes), shapes));
  const fused = nameMatrices(fuseLinears(fuseQuantizedLinears(fuseGelus(fuseRmsNorms(fuseLayerNorms(reshaped)), half ? 'float16' : 'float32')), shapes));
  const graph = canonicalizeMasks(fuseAttention(fused, shapes), shapes);
  return { graph, hidden: hidden.name, hiddenSize, parameters: countParameters(lifted, graph), precision: graph.nodes.some(isQuantizedLinear) ? 'int8' : half ? 'float16' : 'float32' };
}

/** The output with the hidden states: `last_hidden_state` if there is one, else the only one of shape [batch, sequence, constant]. */
function hiddenOutput(graph: Graph): { hidden: ValueInfo; hiddenSize: number } {
  const shapes = probe(graph);
  const candidates = graph.outputs.flatMap((output) => {
    const dims = dimsOf(shapes, output.name);
    const [batch, sequence, size] = dims ?? [];
    const fits = dims?.length === 3 && isBatch(batch) && isSequence(sequence) && size !== undefined && isConstantDim(size);
    return fits ? [{ hidden: output, hiddenSize: size[0] }] : [];
  });
  const chosen = candidates.find(({ hidden }) => hidden.name === 'last_hidden_state') ?? (candidates.length === 1 ? candidates[0] : undefined);
  if (chosen !== undefined) return chosen;
  const seen = graph.outputs.map(({ name }) => {
    const dims = dimsOf(shapes, name);
    const text = dims?.map((dim) => (isBatch(dim) ? 'batch' : isSequence(dim) ? 'sequence' : isConstantDim(dim) ? dim[0] : '?'));
    return `${name} [${text?.join(', ') ?? '?'}]`;
  });
  throw new UnsupportedError('The model has no single output of hidden states', {
    code: 'MODEL_OUTPUT',
    found: seen.join('; '),
    expected: 'last_hidden_state [batch, sequence, hidden]',
    hint: 'Export the encoder without a task head (feature-extraction).',
  });
}
