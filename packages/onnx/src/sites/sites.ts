import { UnsupportedError } from '@hadamard-adapter/core';
import { INTERNAL_DOMAIN, type Node } from '../graph/graph.js';
import { viewOf, type View } from '../graph/view.js';
import { dimsOf, isConstantDim, probe } from '../canonicalize/probe.js';
import type { CanonicalGraph } from '../canonicalize/canonicalize.js';

/** One self-attention block: the two places an adapter can sit at, and the norms that may be trained with it. */
export interface SiteInfo {
  /** Position among the layers, from the input on. */
  readonly layer: number;
  /** Stable name of the place in parameter names: `layer.0`. */
  readonly key: string;
  /** The concatenated heads, [batch, sequence, channels]: input of the output projection. */
  readonly context: string;
  /** Result of the output projection with its bias. */
  readonly output: string;
  readonly channels: number;
  /** The output projection. */
  readonly projection: Node;
  /** LayerNorm after the attention residual. */
  readonly attentionNorm: Node;
  /** LayerNorm after the feed-forward residual; in a pre-norm model that of the next layer. */
  readonly outputNorm: Node;
}

/**
 * Find every self-attention block by structure alone: an `Attention` whose context goes, heads merged, into exactly one `Linear`; the norms are the next
 * ones downstream. Names play no part.
 *
 * @throws UnsupportedError SITES_NONE when there is no attention; SITE_AMBIGUOUS when a block does not look like one, with what was seen.
 */
export function findSites({ graph }: CanonicalGraph): SiteInfo[] {
  const view = viewOf(graph);
  const shapes = probe(graph);
  const attentions = graph.nodes.filter(({ op, domain }) => op === 'Attention' && domain === '');
  if (attentions.length === 0) throw noSites(graph.nodes);
  return attentions.map((attention, layer) => {
    const context = mergedHeads(view, attention);
    const projection = onlyReader(view, context, layer);
    const output = projection.outputs[0] as string;
    const size = dimsOf(shapes, context)?.at(-1);
    if (size === undefined || !isConstantDim(size)) throw ambiguous(layer, 'a context whose width depends on the input', 'a constant number of channels');
    const attentionNorm = nextNorm(view, output, layer, 'attention');
    const outputNorm = nextNorm(view, attentionNorm.outputs[0] as string, layer, 'output');
    return { layer, key: `layer.${layer}`, context, output, channels: size[0], projection, attentionNorm, outputNorm };
  });
}

/** Past the Transpose and Reshape that put the heads side by side. */
function mergedHeads(view: View, attention: Node): string {
  let value = attention.outputs[0] as string;
  for (;;) {
    const readers = view.consumers(value);
    const next = readers.length === 1 ? readers[0] : undefined;
    if (next === undefined || next.domain !== '' || (next.op !== 'Transpose' && next.op !== 'Reshape')) return value;
    value = next.outputs[0] as string;
  }
}

function onlyReader(view: View, context: string, layer: number): Node {
  const readers = view.consumers(context);
  const [projection] = readers;
  if (readers.length === 1 && projection?.op === 'Linear' && projection.domain === INTERNAL_DOMAIN) return projection;
  throw ambiguous(layer, `${context} read by ${describe(readers)}`, 'the attention context read by one linear layer, the output projection');
}

/** The first LayerNormalization reached from `value`, breadth first, without passing through another attention. */
function nextNorm(view: View, value: string, layer: number, which: string): Node {
  let frontier = [value];
  const seen = new Set(frontier);
  while (frontier.length > 0) {
    const readers = [...new Set(frontier.flatMap((name) => view.consumers(name)))];
    const norms = readers.filter(({ op, domain }) => op === 'LayerNormalization' && domain === '');
    const [norm] = norms;
    if (norms.length === 1 && norm !== undefined) return norm;
    if (norms.length > 1) throw ambiguous(layer, `${norms.length} candidates for its ${which} norm: ${norms.map(({ name }) => name).join(', ')}`, 'one');
    frontier = readers
      .filter(({ op }) => op !== 'Attention')
      .flatMap(({ outputs }) => outputs)
      .filter((name) => name !== '' && !seen.has(name));
    for (const name of frontier) seen.add(name);
  }
  throw ambiguous(layer, `no LayerNormalization after ${value}`, `its ${which} norm`);
}

function ambiguous(layer: number, found: string, expected: string): UnsupportedError {
  return new UnsupportedError(`The attention block of layer ${layer} does not have the structure of a known encoder`, {
    code: 'SITE_AMBIGUOUS',
    found,
    expected,
  });
}

function noSites(nodes: readonly Node[]): UnsupportedError {
  const counts = new Map<string, number>();
  for (const { op } of nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  const most = [...counts].toSorted((a, b) => b[1] - a[1]).slice(0, 8);
  return new UnsupportedError('No self-attention was found in the model', {
    code: 'SITES_NONE',
    found: most.map(([op, count]) => `${count} × ${op}`).join(', '),
    expected: 'softmax(q·kᵀ)·v between linear layers',
    hint: 'The model must be a transformer encoder.',
  });
}

function describe(nodes: readonly Node[]): string {
  return nodes.length === 0 ? 'nothing' : nodes.map(({ op, name }) => `${op} "${name}"`).join(' and ');
}
