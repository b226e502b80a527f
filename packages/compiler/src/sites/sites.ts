import { UnsupportedError } from '@hadamard-adapter/core';
import {
  type Facts,
  type Node,
  factsOf,
  isLinear,
  operatorOf,
  quote,
  reach,
  viewOf,
  type View,
} from '@hadamard-adapter/graph/internal';
import type { CanonicalGraph } from '../forms/canonical-graph.js';
import { findBlocks, type AttentionBlock } from './blocks.js';
import { refuseCausal } from './causal.js';
import { nextNorm } from './norms.js';

/** One attention block: the two places an adapter can sit at, and the norms that may be trained with it. */
export interface SiteInfo {
  /**
   * Position among the self-attention layers, from the input on; in an encoder-decoder those of the encoder come first.
   * A cross-attention has that of its layer.
   */
  readonly layer: number;
  /**
   * Stable name of the place in parameter names: `layer.0`; with a decoder `encoder.layer.0.self`,
   * `decoder.layer.0.self`, `decoder.layer.0.cross`.
   */
  readonly key: string;
  readonly kind: 'self' | 'cross';
  /** The node that the heads come out of. */
  readonly attention: Node;
  /** The concatenated heads, [batch, sequence, channels.context]: input of the output projection. */
  readonly context: string;
  /** Result of the output projection with its bias, [batch, sequence, channels.output]. */
  readonly output: string;
  readonly channels: { readonly context: number; readonly output: number };
  /** The output projection. */
  readonly projection: Node;
  /**
   * The norm after the attention residual; in a pre-norm model the one in front of the feed-forward. Undefined when
   * there is none.
   */
  readonly attentionNorm: Node | undefined;
  /**
   * The norm after the feed-forward residual; in a pre-norm model that of the next layer, or the final one. Undefined
   * when there is none.
   */
  readonly outputNorm: Node | undefined;
}

/**
 * Find every attention block by structure alone: a softmax over scores times values, whose heads go, side by side, into
 * exactly one linear layer; the norms are the next ones downstream. Keys and values from other states than the queries
 * make a cross-attention, and everything that those states depend on the encoder. Names play no part.
 *
 * @throws UnsupportedError SITES_NONE when there is no attention; SITE_AMBIGUOUS when a block does not look like one,
 *   with what was seen; MODEL_DECODER for a decoder without encoder.
 */
export function findSites(canonical: Pick<CanonicalGraph, 'graph'>): SiteInfo[] {
  const { graph } = canonical;
  const blocks = findBlocks(canonical);
  if (blocks.length === 0) throw noSites(graph.nodes);
  const view = viewOf(graph);
  const facts = factsOf(graph);
  const places = placesOf(graph.nodes, blocks);
  if (!blocks.some(({ kind }) => kind === 'cross')) refuseCausal(view, blocks);
  const found = blocks.map((block, i) => siteAt(block, places[i] ?? { layer: i, key: `layer.${i}` }, view, facts));
  const crossNorms = new Set(
    found.flatMap(({ kind, attentionNorm }) =>
      kind === 'cross' && attentionNorm !== undefined ? [attentionNorm] : [],
    ),
  );
  const inBlock = new Set(blocks.map(({ node }) => node));
  return found
    .map((site): SiteInfo => {
      let outputNorm = site.attentionNorm && nextNorm(view, site.attentionNorm.outputs[0] as string, site.key, inBlock);
      // Between a decoder's self-attention and its feed-forward stands the cross-attention with a norm of its own.
      if (site.kind === 'self' && outputNorm !== undefined && crossNorms.has(outputNorm))
        outputNorm = nextNorm(view, outputNorm.outputs[0] as string, site.key, inBlock);
      return { ...site, outputNorm };
    })
    .toSorted((a, b) => a.layer - b.layer || (a.kind === 'self' ? -1 : 1));

  function siteAt(block: AttentionBlock, { layer, key }: Place, on: View, known: Facts): Omit<SiteInfo, 'outputNorm'> {
    const context = mergedHeads(on, block.output);
    const projection = onlyReader(on, context, key);
    const output = projection.outputs[0] as string;
    const width = (value: string): number => {
      const size = known.dims(value)?.at(-1);
      if (typeof size === 'number') return size;
      throw ambiguous(key, `${quote(value)}, whose width depends on the input`, 'a constant number of channels');
    };
    const attentionNorm = nextNorm(on, output, key, new Set(blocks.map(({ node }) => node)));
    return {
      layer,
      key,
      kind: block.kind,
      attention: block.node,
      context,
      output,
      channels: { context: width(context), output: width(output) },
      projection,
      attentionNorm,
    };
  }
}

interface Place {
  readonly layer: number;
  readonly key: string;
}

/** Layer numbers and keys: what cross-attentions look at is made by the encoder, the rest belongs to the decoder. */
function placesOf(nodes: readonly Node[], blocks: readonly AttentionBlock[]): Place[] {
  const encoded = new Set(blocks.flatMap(({ kind, valueSources }) => (kind === 'cross' ? [...valueSources] : [])));
  const isEncoder = ({ output }: AttentionBlock): boolean => {
    const reached = reach(nodes, new Set([output]));
    return [...encoded].some((source) => reached.has(source));
  };
  const inEncoder = blocks.map((block) => encoded.size === 0 || isEncoder(block));
  const encoderLayers = blocks.filter(({ kind }, i) => inEncoder[i] === true && kind === 'self').length;
  let [encoder, decoder] = [0, 0];
  return blocks.map(({ kind }, i) => {
    if (encoded.size === 0) return { layer: encoder, key: `layer.${encoder++}` };
    if (inEncoder[i] === true) return { layer: encoder, key: `encoder.layer.${encoder++}.self` };
    if (kind === 'self') return { layer: encoderLayers + decoder, key: `decoder.layer.${decoder++}.self` };
    return { layer: encoderLayers + decoder - 1, key: `decoder.layer.${decoder - 1}.cross` };
  });
}

/**
 * What may stand between the heads and the output projection: other shapes, and vectors of an adapter that could not be
 * folded away.
 */
function mergedHeads(view: View, output: string): string {
  let value = output;
  for (;;) {
    const readers = dataReaders(view, value);
    const next = readers.length === 1 ? readers[0] : undefined;
    const passes = next !== undefined && (operatorOf(next).rearranges === true || appliesVector(view, next));
    const through = passes ? next.outputs[0] : undefined;
    if (through === undefined) return value;
    value = through;
  }
}

/** Who reads the data of a value: asking for its shape changes nothing. */
const dataReaders = (view: View, value: string): Node[] =>
  view.consumers(value).filter((node) => operatorOf(node).readsShapeOnly !== true);

function appliesVector(view: View, { op, domain, inputs }: Node): boolean {
  return (
    domain === '' && (op === 'Mul' || op === 'Add') && inputs.some((input) => view.constant(input)?.dims.length === 1)
  );
}

function onlyReader(view: View, context: string, key: string): Node {
  const readers = dataReaders(view, context);
  const [projection] = readers;
  if (readers.length === 1 && projection !== undefined && isLinear(projection)) return projection;
  throw ambiguous(
    key,
    `the attention context ${quote(context)} read by ${describe(readers)}`,
    'one linear layer, the output projection',
  );
}

function ambiguous(key: string, found: string, expected: string): UnsupportedError {
  return new UnsupportedError(`The attention block ${key} does not have the structure of a known encoder`, {
    code: 'SITE_AMBIGUOUS',
    found,
    expected,
  });
}

function noSites(nodes: readonly Node[]): UnsupportedError {
  const counts = new Map<string, number>();
  for (const { op } of nodes) counts.set(op, (counts.get(op) ?? 0) + 1);
  const most = [...counts].toSorted((a, b) => b[1] - a[1]).slice(0, 8);
  const softmaxes = counts.get('Softmax') ?? 0;
  return new UnsupportedError('No self-attention was found in the model', {
    code: 'SITES_NONE',
    found:
      `${softmaxes === 0 ? 'no Softmax' : `${softmaxes} × Softmax, none in front of a product`}; ` +
      `${most.map(([op, count]) => `${count} × ${op}`).join(', ')}`,
    expected: 'softmax(q·kᵀ)·v between linear layers',
    hint: 'The model must be a transformer encoder.',
  });
}

function describe(nodes: readonly Node[]): string {
  return nodes.length === 0 ? 'nothing' : nodes.map(({ op, name }) => `${op} ${quote(name)}`).join(' and ');
}
