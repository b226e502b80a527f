import {
  builderOn,
  int,
  sampleValues,
  type Builder,
  type Graph,
  type Node,
  type Value,
} from '@hadamard-adapter/graph/internal';
import { MASKED, MASK_SAMPLES, PADDING_BIAS, VANISHING, paddingMaskInput } from '../forms/masks.js';
import type { Pass } from './pass.js';

/**
 * Every exporter builds the attention mask in its own way (grids of ranges and `GatherND`, `Where` per layer, `(1 − m)
 * · -3.4e38`). A bias that equals the padding mask at the sampled sizes, whatever computes it, is the padding mask.
 */
export const canonicalMasks: Pass = {
  name: 'canonical-masks',
  does: 'Replaces the padding masks of all attentions by one bias that is computed once, and makes infinities finite.',
  needs: 'attention is one node',
  guarantees: `a bias that masks padding alone is \`${PADDING_BIAS}\`, [batch, 1, 1, sequence]; no score is −∞`,
  run: withCanonicalMasks,
};

function withCanonicalMasks(graph: Graph): Graph {
  const mask = paddingMaskInput(graph);
  const biases = [...new Set(graph.nodes.flatMap((node) => biasOf(node) ?? []))];
  if (biases.length === 0) return graph;
  const samples = MASK_SAMPLES.map((size) =>
    sampleValues(graph, mask === undefined ? biases : [...biases, mask], size),
  );
  const replaced = new Map<string, string>();
  const builder = builderOn(graph, { from: 'nothing' });
  for (const bias of biases) {
    if (mask !== undefined && samples.every((values) => equalsPadding(values.get(bias), values.get(mask))))
      replaced.set(bias, PADDING_BIAS);
    else if (samples.some((values) => values.get(bias)?.data?.includes(Number.NEGATIVE_INFINITY)))
      replaced.set(bias, builder.emit('Max', [bias, builder.scalar(MASKED)], {}, { output: `${bias}_finite` }));
  }
  if (replaced.size === 0) return graph;
  if (mask !== undefined && [...replaced.values()].includes(PADDING_BIAS)) paddingBias(builder, mask);
  for (const node of graph.nodes) {
    const own = replaced.get(biasOf(node) ?? '');
    builder.keep(own === undefined ? node : { ...node, inputs: [...node.inputs.slice(0, 3), own] });
  }
  return builder.sorted();
}

/** The additive bias of an attention, unless it is canonical already. */
function biasOf({ op, domain, inputs }: Node): string | undefined {
  const bias = op === 'Attention' && domain === '' ? inputs[3] : undefined;
  return bias === PADDING_BIAS ? undefined : bias;
}

/** (mask − 1) · 3.4e38 as [batch, 1, 1, sequence]. */
function paddingBias(builder: Builder, mask: string): void {
  const floats = builder.emit('Cast', [mask], { to: int(1) }, { output: 'padding_mask' });
  const shifted = builder.emit('Sub', [floats, builder.scalar(1)], {}, { output: 'padding_shifted' });
  const rows = builder.emit('Mul', [shifted, builder.scalar(-MASKED)], {}, { output: 'padding_rows' });
  builder.emit('Unsqueeze', [rows, builder.ints([1, 2])], {}, { output: PADDING_BIAS });
}

/** Whether bias[b, ·, ·, t] says "masked" exactly where mask[b, t] is 0. */
function equalsPadding(bias: Value | undefined, mask: Value | undefined): boolean {
  const [batch, sequence] = mask?.dims ?? [];
  const [rows, heads, queries, keys, ...more] = bias?.dims ?? [];
  const tokens = mask?.data;
  if (bias?.data === undefined || tokens === undefined || more.length > 0) return false;
  if (heads === undefined || queries === undefined || keys === undefined || sequence === undefined) return false;
  if (rows !== batch || keys !== sequence) return false;
  const perRow = heads * queries * keys;
  return bias.data.every((score, i) => {
    const token = tokens[Math.floor(i / perRow) * sequence + (i % keys)];
    return token === 1 ? score === 0 : score <= VANISHING;
  });
}
