import {
  float,
  intAttribute,
  ints,
  intsAttribute,
  type Graph,
  type Node,
  type Tensor,
  float32Tensor,
  makeNode,
  rewrite,
  type View,
  dimsOf,
  type Probe,
} from '@hadamard-adapter/graph/internal';
import { MASKED, VANISHING } from './masks.js';
import { composePermutations, equalInts } from './reshape.js';

/**
 * Scaled dot-product attention written out becomes `Attention(q, k, v, bias)` with a `scale`: q [b, h, s, d], k and v
 * [b, h, t, d], an additive bias that broadcasts to [b, h, s, t] or none; two outputs, the context [b, h, s, d] and the
 * probabilities. That is ONNX's own `Attention` (opset 23) for the four-dimensional case, except that the second output
 * is named here as the probabilities.
 *
 * The scale may stand on the scores (eager), on q and kᵀ as its square root (sdpa), as a product or a quotient; a guard
 * against rows of NaN behind the softmax is dropped, since `masks.ts` leaves no row without a finite entry.
 */
export function fuseAttention(graph: Graph, shapes: Probe): Graph {
  return rewrite(graph, (node, view) => {
    if (node.op !== 'MatMul' || node.domain !== '') return undefined;
    const softmax = softmaxBehind(view, node.inputs[0], shapes);
    const scores = softmax && matchScores(view, softmax.inputs[0] as string);
    if (softmax === undefined || scores === undefined) return undefined;
    const output = node.outputs[0] as string;
    const prefix = `${output}_attention`;
    const query = unscaled(view, scores.query);
    const keys = unscaled(view, scores.keysTransposed);
    const key = transposedKeys(view, keys.value, `${prefix}_k`);
    const scale = scores.scale * query.scale * keys.scale;
    const bias = sumOf(scores.biases, prefix);
    const inputs = [
      query.value,
      key.value,
      node.inputs[1] as string,
      ...(bias.value === undefined ? [] : [bias.value]),
    ];
    return {
      nodes: [
        ...key.nodes,
        ...bias.nodes,
        makeNode('Attention', inputs, [output, `${prefix}_p`], { scale: float(scale) }, { name: softmax.name }),
      ],
      tensors: bias.tensors,
    };
  });
}

interface Mask {
  readonly condition: string;
  /** Whether a true condition masks, or a false one. */
  readonly masks: boolean;
}

/** The additive terms as one value; a mask becomes 0 and the most negative number. */
function sumOf(
  terms: readonly (string | Mask)[],
  prefix: string,
): { value: string | undefined; nodes: Node[]; tensors: Map<string, Tensor> } {
  const nodes: Node[] = [];
  const tensors = new Map<string, Tensor>();
  let value: string | undefined;
  for (const [i, term] of terms.entries()) {
    let own: string;
    if (typeof term === 'string') own = term;
    else {
      const [score, zero] = ['masked_score', 'unmasked_score'];
      tensors.set(score, float32Tensor([MASKED], [])).set(zero, float32Tensor([0], []));
      own = `${prefix}_mask_${i}`;
      nodes.push(makeNode('Where', term.masks ? [term.condition, score, zero] : [term.condition, zero, score], [own]));
    }
    if (value === undefined) value = own;
    else nodes.push(makeNode('Add', [value, own], [(value = `${prefix}_bias_${i}`)]));
  }
  return { value, nodes, tensors };
}

/** The softmax over the last of four axes that feeds `value`, past `Where(IsNaN(p), 0, p)`. */
function softmaxBehind(view: View, value: string | undefined, shapes: Probe): Node | undefined {
  const guard = view.producedBy(value, 'Where');
  const probabilities = guard === undefined ? value : (guardedValue(view, guard) ?? zeroedValue(view, guard));
  const softmax = view.producedBy(probabilities, 'Softmax');
  if (softmax === undefined || dimsOf(shapes, softmax.inputs[0] as string)?.length !== 4) return undefined;
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
function matchScores(view: View, value: string): Scores | undefined {
  const product = view.producedBy(value, 'MatMul');
  if (product !== undefined) {
    const [query, keysTransposed] = product.inputs as [string, string];
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
  for (const [scores, bias] of [sum.inputs, sum.inputs.toReversed()] as [string, string][]) {
    const inner = matchScores(view, scores);
    if (inner !== undefined) return { ...inner, biases: [...inner.biases, bias] };
  }
  return undefined;
}

/** `value` = v · c or v / c with a constant c: answers v and the factor. */
function scaleStep(view: View, value: string): { value: string; scale: number } | undefined {
  const node = view.producedBy(value, 'Mul') ?? view.producedBy(value, 'Div');
  if (node === undefined) return undefined;
  const [left, right] = node.inputs as [string, string];
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
function transposedKeys(view: View, keys: string, name: string): { value: string; nodes: Node[] } {
  const swap = [0, 1, 3, 2];
  const before = view.producedBy(keys, 'Transpose');
  const inner = before && intsAttribute(before, 'perm');
  const source = inner === undefined ? keys : (before?.inputs[0] as string);
  const permutation = inner === undefined ? swap : composePermutations(inner, swap);
  if (equalInts(permutation, [0, 1, 2, 3])) return { value: source, nodes: [] };
  return { value: name, nodes: [makeNode('Transpose', [source], [name], { perm: ints(permutation) })] };
}
