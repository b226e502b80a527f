import type { Precision } from '@hadamard-adapter/core';
import {
  prune,
  type Graph,
  isQuantizedLinear,
  expandFused,
  expandFusedMatMuls,
  probe,
} from '@hadamard-adapter/graph/internal';
import { fuseAttention } from './attention.js';
import { resolveBranches } from './branches.js';
import { dropCasts, dropIdentities, dropZeroShifts, foldConstants, liftConstants } from './constants.js';
import { fuseGelus } from './gelu.js';
import { isHalf, widenHalf } from './half.js';
import { checkInputs } from './inputs.js';
import { fuseLayerNorms } from './layer-norm.js';
import { fuseLinears, nameMatrices } from './linear.js';
import { canonicalizeMasks } from './masks.js';
import { countParameters } from './parameters.js';
import { cutOutputs, relevantOutputs } from './outputs.js';
import { fuseRmsNorms } from './rms-norm.js';
import { fuseQuantizedLinears } from './quantized.js';
import { constantReshapes, directTransposes, mergeTransposes } from './reshape.js';
import { upgradeOperators } from './upgrade.js';
import { unshareVectors } from './unshare.js';
import { unpackWeights } from './weights.js';

/**
 * A graph in the few forms that the later steps know, with the value that holds the hidden states of the last layer.
 */
export interface CanonicalGraph {
  /** Outputs: the hidden states, and `logits` where the head of the model is kept. */
  readonly graph: Graph;
  /** [batch, sequence, hiddenSize], float32. */
  readonly hidden: string;
  readonly hiddenSize: number;
  /** Labels of the model's own head, where that is kept. */
  readonly numLabels: number | undefined;
  /** Whether that head answers for each token: logits [batch, sequence, labels]. */
  readonly perToken: boolean;
  /** Outputs of the model that are not used, as people read them: `logits [batch, 2]`. */
  readonly cut: readonly string[];
  /** Numbers in the weights of the model as it came, poolers and heads included. */
  readonly parameters: number;
  /**
   * How the file stores its matrices. Inference runs them as they are; training differentiates through what they stand
   * for.
   */
  readonly precision: Precision;
}

export interface CanonicalizeOptions {
  /** Keep the classifier that the model came with; otherwise it is cut back to its encoder. Default false. */
  readonly keepHead?: boolean;
}

/**
 * Reduce what exporters emit to a few forms: `Linear`, `LayerNormalization`, `RMSNormalization`, `Gelu`, `Attention`,
 * constant reshapes, one padding bias; everything at opset 18 or later. The result computes the same numbers as the
 * graph it came from, at every position that is not padding.
 *
 * @throws UnsupportedError MODEL_INPUT for a model that does not read text, MODEL_OUTPUT when there are no hidden
 *   states; ConfigError MODEL_HEAD when there is no head to keep.
 */
export function canonicalize(source: Graph, { keepHead = false }: CanonicalizeOptions = {}): CanonicalGraph {
  checkInputs(source);
  const written = expandFused(resolveBranches(expandFused(liftConstants(dropZeroShifts(source)))));
  const half = isHalf(written);
  const lifted = unshareVectors(unpackWeights(dropIdentities(half ? widenHalf(written) : written)));
  const wanted = prune({ ...lifted, outputs: relevantOutputs(lifted, keepHead) });
  const first = probe(wanted);
  const upgraded = foldConstants(dropCasts(upgradeOperators(expandFusedMatMuls(wanted, first), first), first));
  const shapes = probe(upgraded);
  const reshaped = mergeTransposes(directTransposes(constantReshapes(upgraded, shapes), shapes));
  const fused = nameMatrices(
    fuseLinears(
      fuseQuantizedLinears(fuseGelus(fuseRmsNorms(fuseLayerNorms(reshaped)), half ? 'float16' : 'float32')),
      shapes,
    ),
  );
  const outputs = cutOutputs(canonicalizeMasks(fuseAttention(fused, shapes), shapes), lifted.outputs, keepHead);
  return {
    ...outputs,
    parameters: countParameters(lifted, outputs.graph),
    precision: outputs.graph.nodes.some(isQuantizedLinear) ? 'int8' : half ? 'float16' : 'float32',
  };
}
