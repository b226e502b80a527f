import {
  factsOf,
  float,
  intAttribute,
  ints,
  intsAttribute,
  rewrite,
  type Builder,
  type Graph,
  type Node,
  type View,
} from '@hadamard-adapter/graph/internal';
import { MASKED, VANISHING } from '../forms/masks.js';
import type { Pass } from './pass.js';
import { composePermutations, equalInts } from './support/permutations.js';

/**
 * The scale may stand on the scores (eager), on q and kᵀ as its square root (sdpa), as a product or a quotient; a guard
 * against rows of NaN behind the softmax is dropped, since `canonical-masks` leaves no row without a finite entry.
 */
export const fuseAttention: Pass = {
  name: 'fuse-attention',
  does: 'Makes scaled dot-product attention that is written out one node.',
  needs: 'shapes can be told, transposes merged',
  guarantees:
    'it is `Attention(q, k, v, bias)` with a `scale`: q [b, h, s, d], k and v [b, h, t, d], an additive bias or ' +
    'none; outputs are the context [b, h, s, d] and the probabilities [b, h, s, t]',
  run: fused,
};

function fused(graph: Graph): Graph {
  return rewrite(graph, (node, builder, view) => {
    const [probabilities, values] = node.inputs;
    const [output] = node.outputs;
    if (node.op !== 'MatMul' || node.domain !== '' || values === undefined || output === undefined) return false;
    const softmax = softmaxBehind(view, probabilities);
    const scores = softmax && matchScores(view, softmax.inputs[0]);
    if (softmax === undefined || scores === undefined) return false;
    const [query, keys] = [unscaled(view, scores.query), unscaled(view, scores.keysTransposed)];
    const key = transposedKeys(builder, view, keys.value, `${output}_attention_k`);
    const bias = sumOf(builder, scores.biases, `${output}_attention`);
    const inputs = [query.value, key, values, ...(bias === undefined ? [] : [bias])];
    const scale = float(scores.scale * query.scale * keys.scale);
    builder.emitAll('Attention', inputs, [output, `${output}_attention_p`], { scale }, { name: softmax.name });
    return true;
  });
}

interface Mask {
  readonly condition: string;
  /** Whether a true condition masks, or a false one. */
  readonly masks: boolean;
}

/** The additive terms as one value; a mask becomes 0 and the most negative number. */
function sumOf(builder: Builder, terms: readonly (string | Mask)[], prefix: string): string | undefined {
  let value: string | undefined;
  for (const [i, term] of terms.entries()) {
    const own = typeof term === 'string' ? term : additive(builder, term, `${prefix}_mask_${i}`);
    value = value === undefined ? own : builder.emit('Add', [value, own], {}, { output: `${prefix}_bias_${i}` });
  }
  return value;
}

function additive(builder: Builder, { condition, masks }: Mask, output: string): string {
  const [score, zero] = [builder.scalar(MASKED), builder.scalar(0)];
  return builder.emit('Where', masks ? [condition, score, zero] : [condition, zero, score], {}, { output });
}

/** The softmax over the last of four axes that feeds `value`, past `Where(IsNaN(p), 0, p)`. */
function softmaxBehind(view: View, value: string | undefined): Node | undefined {
  const guard = view.producedBy(value, 'Where');
  const probabilities = guard === undefined ? value : (guardedValue(view, guard) ?? zeroedValue(view, guard));
  const softmax = view.producedBy(probabilities, 'Softmax');
  if (softmax === undefined || factsOf(view.graph).dims(softmax.inputs[0] ?? '')?.length !== 4) return undefined;
  const axis = intAttribute(softmax, 'axis', -1);
  return axis === -1 || axis === 3 ? softmax : undefined;
}

function guardedValue(view: View, guard: Node): string | undefined {
  const [condition, zero, value] = guard.inputs;
  return view.producedBy(condition, 'IsNaN')?.inputs[0] === value && view.scalar(zero) === 0 ? value : undefined;
}

/**
 * `Where(mask, 0, softmax(Where(mask, masked, s)))`: masked again behind the softmax, which only matters to rows
 * without any token.
 */
function zeroedValue(view: View, guard: Node): string | undefined {
  const [condition, zero, value] = guard.inputs;
  const masking = view.producedBy(view.producedBy(value, 'Softmax')?.inputs[0], 'Where');
  return view.scalar(zero) === 0 && masking?.inputs[0] === condition && isVanishing(view, masking?.inputs[1])
    ? value
    : undefined;
}

interface Scores {
  readonly query: string;
  readonly keysTransposed: string;
  readonly scale: number;
  /** What is added to the scaled scores, the innermost first. */
  readonly biases: readonly (string | Mask)[];
}

const isVanishing = (view: View, value: string | undefined): boolean => (view.scalar(value) ?? 0) <= VANISHING;

/** `value` = scores with the masked ones replaced by a number that vanishes in the softmax. */
function maskStep(view: View, value: string): { value: string; mask: Mask } | undefined {
  const [condition, whenTrue, whenFalse] = view.producedBy(value, 'Where')?.inputs ?? [];
  if (condition === undefined || whenTrue === undefined || whenFalse === undefined) return undefined;
  if (isVanishing(view, whenTrue)) return { value: whenFalse, mask: { condition, masks: true } };
  return isVanishing(view, whenFalse) ? { value: whenTrue, mask: { condition, masks: false } } : undefined;
}

/** Peel scale, additive biases and masks off the product of queries and keys. */
function matchScores(view: View, value: string | undefined): Scores | undefined {
  if (value === undefined) return undefined;
  const product = view.producedBy(value, 'MatMul');
  if (product !== undefined) {
    const [query, keysTransposed] = product.inputs;
    if (query === undefined || keysTransposed === undefined) return undefined;
    return view.constant(query) === undefined && view.constant(keysTransposed) === undefined
      ? { query, keysTransposed, scale: 1, biases: [] }
      : undefined;
  }
  const scaled = scaleStep(view, value);
  if (scaled !== undefined) {
    const inner = matchScores(view, scaled.value);
    // A bias under the scale would have to be scaled too; a factor of 1 leaves it as it is.
    return inner === undefined || (inner.biases.length > 0 && scaled.scale !== 1)
      ? undefined
      : { ...inner, scale: inner.scale * scaled.scale };
  }
  const masked = maskStep(view, value);
  if (masked !== undefined) {
    const inner = matchScores(view, masked.value);
    return inner && { ...inner, biases: [...inner.biases, masked.mask] };
  }
  const sum = view.producedBy(value, 'Add');
  if (sum === undefined) return undefined;
  for (const [scores, bias] of [sum.inputs, sum.inputs.toReversed()]) {
    const inner = matchScores(view, scores);
    if (inner !== undefined && bias !== undefined) return { ...inner, biases: [...inner.biases, bias] };
  }
  return undefined;
}

/** `value` = v · c or v / c with a constant c: answers v and the factor. */
function scaleStep(view: View, value: string): { value: string; scale: number } | undefined {
  const node = view.producedBy(value, 'Mul') ?? view.producedBy(value, 'Div');
  if (node === undefined) return undefined;
  const [left, right] = node.inputs;
  if (left === undefined || right === undefined) return undefined;
  const divisor = view.scalar(right);
  if (divisor !== undefined) return { value: left, scale: node.op === 'Div' ? 1 / divisor : divisor };
  const factor = node.op === 'Mul' ? view.scalar(left) : undefined;
  return factor === undefined ? undefined : { value: right, scale: factor };
}

function unscaled(view: View, value: string): { value: string; scale: number } {
  let current = { value, scale: 1 };
  for (let step = scaleStep(view, value); step !== undefined; step = scaleStep(view, current.value)) {
    current = { value: step.value, scale: current.scale * step.scale };
  }
  return current;
}

/**
 * Keys as [b, h, t, d] from keys as [b, h, d, t]: the transpose in front is adjusted or undone rather than followed by
 * another.
 */
function transposedKeys(builder: Builder, view: View, keys: string, output: string): string {
  const swap = [0, 1, 3, 2];
  const before = view.producedBy(keys, 'Transpose');
  const inner = before && intsAttribute(before, 'perm');
  const source = inner === undefined ? keys : (before?.inputs[0] ?? keys);
  const permutation = inner === undefined ? swap : composePermutations(inner, swap);
  if (equalInts(permutation, [0, 1, 2, 3])) return source;
  return builder.emit('Transpose', [source], { perm: ints(permutation) }, { output });
}
