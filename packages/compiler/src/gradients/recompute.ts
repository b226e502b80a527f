import {
  float,
  int,
  type Graph,
  type Node,
  builderOn,
  type Builder,
  indexGraph,
  prune,
  sortNodes,
  isLinear,
  attentionScale,
  type Dim,
  type Facts,
  evaluateDim,
  factsOf,
  operatorOf,
} from '@hadamard-adapter/graph/internal';

/** Rows and tokens of a padded batch. */
export interface BatchSize {
  readonly batch: number;
  readonly sequence: number;
}

/** How much a training step may keep between forward and backward, and for batches of which size. */
export interface ActivationBudget extends BatchSize {
  readonly maxBytes: number;
}

/** What backward can compute again rather than find kept. */
interface Candidate {
  readonly node: Node;
  readonly bytes: number;
  /** Multiplications and additions to compute it again. */
  readonly flops: number;
  apply(builder: Builder, dy: string): ReadonlyMap<string, string>;
}

/** Elementwise work per number where no product is involved: a softmax. */
const SOFTMAX_FLOPS = 10;

/**
 * Let backward compute again what would be kept for it, until what is kept fits the budget: the values that give most
 * bytes for each operation first. These are the probabilities of an attention, from its queries and keys, and the wide
 * input of a GELU, from the input of the linear layer in front. Same numbers, more time; a graph that fits stays as it
 * is.
 *
 * @param gradients gradient of the loss by the forward value it belongs to.
 * @param forward values of the forward pass.
 */
export function recomputeWithin(
  graph: Graph,
  gradients: ReadonlyMap<string, string>,
  forward: ReadonlySet<string>,
  budget: ActivationBudget,
): Graph {
  const kept = keptValues(graph, forward);
  const sizes: Sizes = { graph, facts: factsOf(graph), kept, budget };
  let total = [...kept].reduce((sum, value) => sum + bytesOf(value, sizes), 0);
  if (total <= budget.maxBytes) return graph;
  const candidates = graph.nodes.flatMap((node) =>
    forward.has(node.outputs[0] as string) && gradients.has(node.outputs[0] as string) ? candidateOf(node, sizes) : [],
  );
  const chosen: Candidate[] = [];
  for (const candidate of candidates.toSorted((a, b) => b.bytes / b.flops - a.bytes / a.flops)) {
    if (total <= budget.maxBytes) break;
    chosen.push(candidate);
    total -= candidate.bytes;
  }
  const builder = builderOn(graph);
  const again = new Map<string, string>();
  for (const { node, apply } of chosen)
    for (const [value, copy] of apply(builder, gradients.get(node.outputs[0] as string) as string))
      again.set(value, copy);
  // Nothing reads the copies yet: they are outputs until it does.
  const outputs = graph.outputs.map(({ name }) => name);
  const recomputed = { ...builder.finish([...outputs, ...again.values()]), outputs: graph.outputs };
  const copies = new Set(again.values());
  const readsAgain = ({ outputs }: Node): boolean =>
    !forward.has(outputs[0] as string) && !outputs.some((output) => copies.has(output));
  const redirected = recomputed.nodes.map((node) =>
    readsAgain(node) ? { ...node, inputs: node.inputs.map((input) => again.get(input) ?? input) } : node,
  );
  return prune({ ...recomputed, nodes: sortNodes(redirected) });
}

interface Sizes {
  readonly graph: Graph;
  readonly facts: Facts;
  readonly kept: ReadonlySet<string>;
  readonly budget: ActivationBudget;
}

/** Forward values that backward reads, and for that must be kept until then; a reshaped value is the same memory. */
function keptValues({ nodes }: Graph, forward: ReadonlySet<string>): Set<string> {
  const source = new Map(
    nodes
      .filter((node) => operatorOf(node).sharesMemory === true)
      .map(({ inputs, outputs }) => [outputs[0] as string, inputs[0] as string]),
  );
  const memory = (value: string): string => (source.has(value) ? memory(source.get(value) as string) : value);
  const kept = new Set<string>();
  for (const node of nodes) {
    const { inputs, outputs } = node;
    if (forward.has(outputs[0] ?? '') || operatorOf(node).readsShapeOnly === true) continue;
    for (const input of inputs) if (forward.has(input)) kept.add(memory(input));
  }
  return kept;
}

/** What a graph keeps between forward and backward for a batch, bytes. */
export function keptBytes(graph: Graph, forward: ReadonlySet<string>): (size: BatchSize) => number {
  const facts = factsOf(graph);
  const kept = [...keptValues(graph, forward)].map((value) => facts.dims(value) ?? []);
  return (size) => kept.reduce((sum, dims) => sum + elementsOf(dims, size) * Float32Array.BYTES_PER_ELEMENT, 0);
}

/** Numbers in a value for a batch; what does not follow from its size (how many labels there are) counts as one. */
function elementsOf(dims: readonly Dim[], { batch, sequence }: BatchSize): number {
  const sizes = new Map([
    ['batch', batch],
    ['sequence', sequence],
  ]);
  return dims.reduce<number>((product, dim) => product * (evaluateDim(dim, sizes) ?? 1), 1);
}

const countOf = (value: string, { facts, budget }: Sizes): number => elementsOf(facts.dims(value) ?? [], budget);
const bytesOf = (value: string, sizes: Sizes): number => countOf(value, sizes) * Float32Array.BYTES_PER_ELEMENT;

/** The last dimension of a value, where it is constant. */
function widthOf(value: string, { facts }: Sizes): number {
  const width = facts.dims(value)?.at(-1);
  return typeof width === 'number' ? width : 1;
}

function candidateOf(node: Node, sizes: Sizes): Candidate[] {
  if (node.domain !== '') return [];
  if (node.op === 'Attention') return attentionCandidate(node, sizes);
  return node.op === 'Gelu' ? geluCandidate(node, sizes) : [];
}

function attentionCandidate(node: Node, sizes: Sizes): Candidate[] {
  const [query, ...others] = node.inputs as [string, ...string[]];
  const probabilities = node.outputs[1];
  if (probabilities === undefined || !sizes.kept.has(probabilities)) return [];
  const scores = countOf(probabilities, sizes);
  const width = widthOf(query, sizes);
  return [
    {
      node,
      bytes: bytesOf(probabilities, sizes),
      flops: scores * (2 * width + SOFTMAX_FLOPS),
      apply(builder, dy) {
        const scale = float(attentionScale(node, builder.dims(query)));
        const [context, copy] = [builder.fresh(`${node.outputs[0]}_again`), builder.fresh(`${probabilities}_again`)];
        builder.keep({
          ...node,
          inputs: [after(builder, query, dy), ...others],
          outputs: [context, copy],
          attributes: { ...node.attributes, scale },
        });
        return new Map([[probabilities, copy]]);
      },
    },
  ];
}

function geluCandidate(node: Node, sizes: Sizes): Candidate[] {
  const wide = node.inputs[0] as string;
  const linear = indexGraph(sizes.graph).producer.get(wide);
  if (linear === undefined || !isLinear(linear) || linear.op !== 'Linear') return [];
  const [x, ...parameters] = linear.inputs as [string, ...string[]];
  // What it is computed from may have to be kept instead.
  const bytes = bytesOf(wide, sizes) - (sizes.kept.has(x) ? 0 : bytesOf(x, sizes));
  if (bytes <= 0) return [];
  return [
    {
      node,
      bytes,
      flops: 2 * widthOf(x, sizes) * countOf(wide, sizes),
      apply(builder, dy) {
        const copy = builder.emit('Linear', [after(builder, x, dy), ...parameters], linear.attributes, {
          domain: linear.domain,
        });
        return new Map([[wide, copy]]);
      },
    },
  ];
}

/**
 * `value`, but not before the gradient `dy` is there: a runtime computes equal nodes once, and in the order that suits
 * it, which would keep the first copy after all. Zero times one number of dy is added; a loss that is not finite has no
 * gradient worth anything anyway.
 */
function after(builder: Builder, value: string, dy: string): string {
  const rank = builder.dims(dy).length;
  const axes = builder.ints(Array.from({ length: rank }, (_, axis) => axis));
  const first = builder.emit('Slice', [
    dy,
    builder.ints(Array.from({ length: rank }, () => 0)),
    builder.ints(Array.from({ length: rank }, () => 1)),
    axes,
  ]);
  const number = builder.emit('Reshape', [first, builder.ints([1])], { allowzero: int(0) });
  return builder.emit('Add', [value, builder.emit('Mul', [number, builder.scalar(0)])]);
}
