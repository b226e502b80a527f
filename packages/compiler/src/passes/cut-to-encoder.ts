import { ConfigError, UnsupportedError } from '@hadamard-adapter/core';
import {
  INTERNAL_DOMAIN,
  dimText,
  factsOf,
  freshNames,
  int,
  isPresent,
  isQuantizedLinear,
  prune,
  reach,
  rewrite,
  type Facts,
  type Graph,
  type Node,
  type ValueInfo,
} from '@hadamard-adapter/graph/internal';
import { isBatch, isStates } from '../forms/dims.js';
import { HIDDEN, LOGITS } from '../forms/names.js';
import { findBlocks } from '../sites/blocks.js';
import { findSites } from '../sites/sites.js';
import type { Pass } from './pass.js';
import { unpack } from './support/unpack.js';

/**
 * The hidden states are the output `last_hidden_state`, or else the norm with which the last layer ends. Quantized
 * layers of a head that is kept become plain ones: they are trained, and packed weights cannot be.
 */
export const cutToEncoder: Pass = {
  name: 'cut-to-encoder',
  does: 'Cuts the model back to the hidden states of its last layer, and the logits behind them if the head is kept.',
  needs: 'attention and norms are one node each',
  guarantees: 'the first output is the hidden states, [batch, sequence, hidden]; the second, if any, is `logits`',
  run: cut,
};

/**
 * @throws UnsupportedError MODEL_OUTPUT when there are no hidden states; ConfigError MODEL_HEAD when there is no head
 *   to keep.
 */
function cut(graph: Graph, { keepHead, declared }: Parameters<Pass['run']>[1]): Graph {
  const facts = factsOf(graph);
  const hidden = namedStates(graph, facts) ?? lastStates(graph, facts) ?? onlyStates(graph, facts);
  const size = hidden === undefined ? undefined : facts.dims(hidden)?.at(-1);
  if (hidden === undefined || typeof size !== 'number') throw noStates(declared, graph, facts);
  const head = keepHead ? headOf(graph, facts) : undefined;
  const names = new Map<string, string>();
  const fresh = freshNames(graph);
  if (hidden !== HIDDEN && !declared.some(({ name }) => name === hidden)) names.set(hidden, fresh(HIDDEN));
  if (head !== undefined && head.name !== LOGITS) names.set(head.name, fresh(LOGITS));
  const nameOf = (name: string): string => names.get(name) ?? name;
  const states: ValueInfo = { name: nameOf(hidden), dtype: 'float32', dims: ['batch', 'sequence', size] };
  if (head === undefined) return prune({ ...withNames(graph, names), outputs: [states] });
  const dims = head.perToken ? ['batch', 'sequence', head.labels] : ['batch', head.labels];
  const logits: ValueInfo = { name: nameOf(head.name), dtype: 'float32', dims };
  return unpackBehind(prune({ ...withNames(graph, names), outputs: [states, logits] }), states.name);
}

const namedStates = ({ outputs }: Graph, facts: Facts): string | undefined =>
  outputs.find(({ name }) => name === HIDDEN && isStates(facts.dims(name)))?.name;

function lastStates(graph: Graph, facts: Facts): string | undefined {
  if (findBlocks({ graph }).length === 0) return undefined;
  const last = findSites({ graph }).findLast(({ kind }) => kind === 'self');
  const states = last?.outputNorm?.outputs[0];
  return states !== undefined && isStates(facts.dims(states)) ? states : undefined;
}

/** For models whose last layer does not end in a norm. */
function onlyStates({ outputs }: Graph, facts: Facts): string | undefined {
  const [candidate, ...more] = outputs.filter(({ name }) => isStates(facts.dims(name)));
  return more.length === 0 ? candidate?.name : undefined;
}

interface Head {
  readonly name: string;
  readonly labels: number;
  readonly perToken: boolean;
}

/**
 * The output with one number for each label, of the text or of each token. A pooler gives as many numbers as the hidden
 * states have and is no head.
 */
function headOf({ outputs }: Graph, facts: Facts): Head {
  const dims = outputs.some(({ name }) => name === LOGITS) ? facts.dims(LOGITS) : undefined;
  const ofTokens = isStates(dims) ? dims?.at(-1) : undefined;
  if (typeof ofTokens === 'number') return { name: LOGITS, labels: ofTokens, perToken: true };
  const candidates = outputs.flatMap(({ name }): Head[] => {
    const [batch, labels, ...rest] = facts.dims(name) ?? [];
    const isRow = rest.length === 0 && isBatch(batch) && !/pool/i.test(name);
    return isRow && typeof labels === 'number' ? [{ name, labels, perToken: false }] : [];
  });
  const head = candidates.find(({ name }) => name === LOGITS) ?? (candidates.length === 1 ? candidates[0] : undefined);
  if (head !== undefined) return head;
  throw new ConfigError('The model has no classifier of its own to keep', {
    code: 'MODEL_HEAD',
    found: `outputs ${outputs.map(({ name }) => outputText(name, facts)).join('; ')}`,
    expected: 'logits [batch, labels] or [batch, sequence, labels]',
    hint: 'Use a new classifier: head "linear" or "tanh".',
  });
}

function noStates(source: readonly ValueInfo[], graph: Graph, facts: Facts): UnsupportedError {
  const inputs = graph.inputs.map(({ name }) => outputText(name, facts)).join('; ');
  return new UnsupportedError('The model has no hidden states of a text encoder', {
    code: 'MODEL_OUTPUT',
    found:
      `${source.map(({ name }) => outputText(name, facts)).join('; ')}, from ` +
      `${inputs === '' ? 'no inputs' : inputs}`,
    expected: 'last_hidden_state [batch, sequence, hidden], or layers of attention with a norm behind',
    hint: 'Export the encoder without a task head (feature-extraction).',
  });
}

/** A value with its dimensions, as people read it: `logits [batch, 2]`. */
export function outputText(name: string, facts: Facts): string {
  const dims = facts.dims(name)?.map((dim) => {
    const text = dimText(dim);
    return /^\w+$/.test(text) ? text : '?';
  });
  return `${name} [${dims?.join(', ') ?? '?'}]`;
}

/** The graph with values called otherwise. */
function withNames(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  if (names.size === 0) return graph;
  const rename = (value: string): string => names.get(value) ?? value;
  const renamed = (node: Node): Node => ({
    ...node,
    inputs: node.inputs.map(rename),
    outputs: node.outputs.map(rename),
  });
  return { ...graph, nodes: graph.nodes.map(renamed) };
}

/** Quantized layers behind `hidden` as plain ones. */
function unpackBehind(graph: Graph, hidden: string): Graph {
  const behind = reach(graph.nodes, new Set([hidden]));
  return rewrite(graph, (node, builder) => {
    const [x, weight, scale, zero, bias] = node.inputs;
    const [output] = node.outputs;
    if (x === undefined || weight === undefined || scale === undefined || output === undefined) return false;
    if (!isQuantizedLinear(node) || !behind.has(output)) return false;
    const plain = `${weight}/unpacked`;
    const stored: Node = {
      op: 'DequantizeLinear',
      domain: '',
      name: plain,
      inputs: [weight, scale, ...(isPresent(zero) ? [zero] : [])],
      outputs: [plain],
      attributes: { axis: int(1) },
    };
    const matrix = unpack(stored, graph.tensors);
    if (matrix === undefined) return false;
    const inputs = [x, builder.named(plain, matrix), ...(isPresent(bias) ? [bias] : [])];
    builder.emit('Linear', inputs, { transB: int(0) }, { domain: INTERNAL_DOMAIN, output, name: node.name });
    return true;
  });
}
