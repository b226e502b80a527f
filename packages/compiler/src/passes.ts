import type { ParameterInfo, Precision } from '@hadamard-adapter/core';
import type { Graph } from '@hadamard-adapter/graph/internal';
import { accumulateInLinears } from './passes/accumulate-in-linears.js';
import { asStored } from './passes/as-stored.js';
import { canonicalMasks } from './passes/canonical-masks.js';
import { checkOperators } from './passes/check-operators.js';
import { checkTextInputs } from './passes/check-text-inputs.js';
import { constantReshapes } from './passes/constant-reshapes.js';
import { cutToEncoder } from './passes/cut-to-encoder.js';
import { directTransposes } from './passes/direct-transposes.js';
import { dropCasts } from './passes/drop-casts.js';
import { dropIdentities } from './passes/drop-identities.js';
import { dropUnusedInputs } from './passes/drop-unused-inputs.js';
import { dropUnusedOutputs } from './passes/drop-unused-outputs.js';
import { dropZeroShifts } from './passes/drop-zero-shifts.js';
import { expandFused, expandFusedInBranches, expandFusedProducts } from './passes/expand-fused.js';
import { flattenParameters } from './passes/flatten-parameters.js';
import { foldConstants } from './passes/fold-constants.js';
import { fuseAttention } from './passes/fuse-attention.js';
import { fuseGelus } from './passes/fuse-gelus.js';
import { fuseLayerNorms } from './passes/fuse-layer-norms.js';
import { fuseLinears } from './passes/fuse-linears.js';
import { fuseQuantizedLinears } from './passes/fuse-quantized-linears.js';
import { fuseRmsNorms } from './passes/fuse-rms-norms.js';
import { keepWantedOutputs } from './passes/keep-wanted-outputs.js';
import { liftConstants } from './passes/lift-constants.js';
import { lowerForms } from './passes/lower-forms.js';
import { mergeTransposes } from './passes/merge-transposes.js';
import { multiplyInInt8 } from './passes/multiply-in-int8.js';
import { nameMatrices } from './passes/name-matrices.js';
import type { Pass, PassContext } from './passes/pass.js';
import { resolveBranches } from './passes/resolve-branches.js';
import { selectPosition } from './passes/select-position.js';
import type { Int8Bits } from './forms/int8-bits.js';
import { unpackWeights } from './passes/unpack-weights.js';
import { unshareVectors } from './passes/unshare-vectors.js';
import { upgradeOperators } from './passes/upgrade-operators.js';
import { widenFloat16 } from './passes/widen-float16.js';

/**
 * What exporters write, in the few forms that the rest of the compiler knows. The result computes the same numbers as
 * the graph it came from, at every position that is not padding.
 */
export const CANONICAL: readonly Pass[] = [
  checkTextInputs,
  dropZeroShifts,
  liftConstants,
  expandFused,
  resolveBranches,
  expandFusedInBranches,
  widenFloat16,
  dropIdentities,
  unpackWeights,
  unshareVectors,
  keepWantedOutputs,
  checkOperators,
  expandFusedProducts,
  upgradeOperators,
  dropCasts,
  foldConstants,
  constantReshapes,
  directTransposes,
  mergeTransposes,
  fuseLayerNorms,
  fuseRmsNorms,
  fuseGelus,
  fuseQuantizedLinears,
  fuseLinears,
  nameMatrices,
  fuseAttention,
  canonicalMasks,
  cutToEncoder,
];

/** What is asked of a model, as little of it as the answer needs; before gradients are taken. */
export const ASKED: readonly Pass[] = [selectPosition, dropUnusedInputs];

/** The forms of the compiler written as operators that every ONNX runtime has. */
export const LOWERED: readonly Pass[] = [
  accumulateInLinears,
  dropUnusedOutputs,
  lowerForms,
  mergeTransposes,
  dropUnusedInputs,
];

/** What becomes of a graph that a runtime is given, with its parameters as one flat input. */
export interface ProgramOptions {
  /** In the order of the flat vector. */
  readonly parameters: readonly ParameterInfo[];
  /** Multiply with frozen weights in integers of so many bits; absent: in float32. */
  readonly int8Bits?: Int8Bits | undefined;
  /** Values of the forward pass, where there is a backward pass too. */
  readonly forward?: ReadonlySet<string> | undefined;
}

/** From the forms of the compiler to a graph that a runtime is given. */
export const programPasses = ({ parameters, int8Bits, forward }: ProgramOptions): readonly Pass[] => [
  ...(int8Bits === undefined ? [] : [multiplyInInt8(int8Bits, forward)]),
  flattenParameters(parameters),
  ...LOWERED,
];

/** The precision that a model came in, for inference. */
export const storedPasses = (until: string, precision: Precision): readonly Pass[] => [asStored(until, precision)];

const NO_CONTEXT: PassContext = { keepHead: false, declared: [] };

/** One pass after the other. */
export const runPasses = (passes: readonly Pass[], graph: Graph, context: PassContext = NO_CONTEXT): Graph =>
  passes.reduce((result, { run }) => run(result, context), graph);

/** What a pass did to a graph. */
export interface PassTrace {
  readonly pass: Pass;
  readonly nodesBefore: number;
  readonly nodesAfter: number;
  readonly milliseconds: number;
  readonly graph: Graph;
}

/** The same, telling what each pass did. */
export function tracePasses(passes: readonly Pass[], graph: Graph, context: PassContext = NO_CONTEXT): PassTrace[] {
  let current = graph;
  return passes.map((pass) => {
    const before = current;
    const started = performance.now();
    current = pass.run(before, context);
    const milliseconds = performance.now() - started;
    return { pass, nodesBefore: before.nodes.length, nodesAfter: current.nodes.length, milliseconds, graph: current };
  });
}

/** A graph in the forms of the compiler as one of operators that every ONNX runtime has (opset 18, standard domain). */
export const lower = (graph: Graph): Graph => runPasses(LOWERED, graph);
