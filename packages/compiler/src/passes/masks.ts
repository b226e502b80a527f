import {
  int,
  type Graph,
  type Node,
  type Tensor,
  makeNode,
  prune,
  sortNodes,
  float32Tensor,
  int64Tensor,
  type Value,
  isBatch,
  isSequence,
  dimsOf,
  type Probe,
} from '@hadamard-adapter/graph/internal';

/**
 * Most negative float32: what Hugging Face adds to the score of a masked position. Finite, so that a row without tokens
 * cannot become NaN.
 */
export const MASKED = -3.4028234663852886e38;
/** Scores this low vanish in the softmax; exporters use -1e4 (fp16 habits) to -inf. */
export const VANISHING = -9_000;

/** Name of the canonical padding bias, [batch, 1, 1, sequence]: 0 for a token, `MASKED` for padding. */
export const PADDING_BIAS = 'padding_bias';

/**
 * Every exporter builds the attention mask in its own way (grids of ranges and `GatherND`, `Where` per layer, `(1 − m)
 * · -3.4e38`). Here a bias of an `Attention` that equals the padding mask at the probe inputs, whatever computes it, is
 * replaced by one bias computed once. Anything else, such as a causal mask, stays, with its infinities made finite.
 */
export function canonicalizeMasks(graph: Graph, shapes: Probe): Graph {
  const mask = paddingMaskInput(graph, shapes);
  const tensors = new Map<string, Tensor>(graph.tensors);
  const added: Node[] = [];
  const bounded = new Map<string, string>();
  let usesPadding = false;

  const nodes = graph.nodes.map((node) => {
    const bias = node.op === 'Attention' && node.domain === '' ? node.inputs[3] : undefined;
    if (bias === undefined || bias === PADDING_BIAS) return node;
    if (mask !== undefined && isPaddingBias(shapes, bias, mask)) {
      usesPadding = true;
      return withBias(node, PADDING_BIAS);
    }
    if (!holdsInfinity(shapes, bias)) return node;
    let finite = bounded.get(bias);
    if (finite === undefined) {
      finite = `${bias}_finite`;
      bounded.set(bias, finite);
      tensors.set('masked_score', float32Tensor([MASKED], []));
      added.push(makeNode('Max', [bias, 'masked_score'], [finite]));
    }
    return withBias(node, finite);
  });

  if (usesPadding && mask !== undefined) added.push(...paddingBias(mask, tensors));
  return added.length === 0 ? graph : prune({ ...graph, nodes: sortNodes([...added, ...nodes]), tensors });
}

const withBias = (node: Node, bias: string): Node => ({ ...node, inputs: [...node.inputs.slice(0, 3), bias] });

/** (mask − 1) · 3.4e38 as [batch, 1, 1, sequence]. */
function paddingBias(mask: string, tensors: Map<string, Tensor>): Node[] {
  tensors.set('padding_axes', int64Tensor([1, 2], [2]));
  tensors.set('padding_one', float32Tensor([1], []));
  tensors.set('padding_score', float32Tensor([-MASKED], []));
  return [
    makeNode('Cast', [mask], ['padding_mask'], { to: int(1) }),
    makeNode('Sub', ['padding_mask', 'padding_one'], ['padding_shifted']),
    makeNode('Mul', ['padding_shifted', 'padding_score'], ['padding_rows']),
    makeNode('Unsqueeze', ['padding_rows', 'padding_axes'], [PADDING_BIAS]),
  ];
}

/** The graph input that holds the padding mask: named a mask, of shape [batch, sequence]. */
export function paddingMaskInput(graph: Graph, shapes: Probe): string | undefined {
  const masks = graph.inputs.filter(({ name }) => {
    const dims = dimsOf(shapes, name);
    return /attention_mask|^mask$/i.test(name) && dims?.length === 2 && isBatch(dims[0]) && isSequence(dims[1]);
  });
  return masks.length === 1 ? masks[0]?.name : undefined;
}

function isPaddingBias(shapes: Probe, bias: string, mask: string): boolean {
  return shapes.every((values) => {
    const [biasValue, maskValue] = [values.get(bias), values.get(mask)];
    return biasValue?.data !== undefined && maskValue?.data !== undefined && equalsPadding(biasValue, maskValue);
  });
}

/** Whether bias[b, ·, ·, t] says "masked" exactly where mask[b, t] is 0. */
function equalsPadding(bias: Value, mask: Value): boolean {
  const [batch, sequence] = mask.dims as [number, number];
  const [rows, heads, queries, keys] = bias.dims as [number, number, number, number];
  if (bias.dims.length !== 4 || rows !== batch || keys !== sequence) return false;
  const [data, tokens] = [bias.data as Float64Array, mask.data as Float64Array];
  const perRow = heads * queries * keys;
  return data.every((score, i) => {
    const token = tokens[Math.floor(i / perRow) * sequence + (i % keys)];
    return token === 1 ? score === 0 : score <= VANISHING;
  });
}

function holdsInfinity(shapes: Probe, value: string): boolean {
  return shapes.some((values) => values.get(value)?.data?.includes(Number.NEGATIVE_INFINITY) ?? false);
}
