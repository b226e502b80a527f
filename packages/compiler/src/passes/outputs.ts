import { ConfigError, UnsupportedError } from '@hadamard-adapter/core';
import {
  type Graph,
  type ValueInfo,
  freshNames,
  prune,
  dimsOf,
  isBatch,
  isConstantDim,
  isSequence,
  probe,
  type Dim,
  type Probe,
} from '@hadamard-adapter/graph/internal';
import { findBlocks } from '../sites/blocks.js';
import { findSites } from '../sites/sites.js';
import { unpackBehind } from './quantized.js';

/** Names of the two values that a canonical graph may give. */
const HIDDEN = 'last_hidden_state';
export const LOGITS = 'logits';

export interface Outputs {
  /** Its outputs are the hidden states, and the logits of the head where that is kept. */
  readonly graph: Graph;
  readonly hidden: string;
  readonly hiddenSize: number;
  /** Labels of the head that is kept. */
  readonly numLabels: number | undefined;
  /** Whether it answers for each token: logits [batch, sequence, labels]. */
  readonly perToken: boolean;
  /** What the model gives besides, as people read it: `logits [batch, 2]`. */
  readonly cut: readonly string[];
}

/**
 * The outputs worth canonicalizing: the hidden states alone where the model names them, everything where they have to
 * be found behind the last layer, or the head is kept.
 */
export function relevantOutputs(graph: Graph, keepHead: boolean): readonly ValueInfo[] {
  const named = graph.outputs.find(({ name }) => name === HIDDEN);
  return named === undefined || keepHead ? graph.outputs : [named];
}

/**
 * Cut a canonical graph back to the hidden states of its last layer, and to the logits behind them if the head of the
 * model is to be kept. The hidden states are the output `last_hidden_state`, or else the norm with which the last layer
 * ends.
 *
 * @param source outputs of the model as it came.
 * @throws UnsupportedError MODEL_OUTPUT when there are no hidden states; ConfigError MODEL_HEAD when there is no head
 *   to keep.
 */
export function cutOutputs(graph: Graph, source: readonly ValueInfo[], keepHead: boolean): Outputs {
  const shapes = probe(graph);
  const hidden = namedStates(graph, shapes) ?? lastStates(graph, shapes) ?? onlyStates(graph, shapes);
  if (hidden === undefined) throw noStates(source, graph, shapes);
  const [size] = dimsOf(shapes, hidden)?.at(-1) ?? [0];
  const head = keepHead ? headOf(graph, shapes) : undefined;
  const names = new Map<string, string>();
  const fresh = freshNames(graph);
  if (hidden !== HIDDEN && !source.some(({ name }) => name === hidden)) names.set(hidden, fresh(HIDDEN));
  if (head !== undefined && head.name !== LOGITS) names.set(head.name, fresh(LOGITS));
  const renamed = withNames(graph, names);
  const nameOf = (name: string): string => names.get(name) ?? name;
  const kept = new Set([hidden, head?.name]);
  const outputs: ValueInfo[] = [
    { name: nameOf(hidden), dtype: 'float32', dims: ['batch', 'sequence', size] },
    ...(head === undefined
      ? []
      : [
          {
            name: nameOf(head.name),
            dtype: 'float32' as const,
            dims: head.perToken ? ['batch', 'sequence', head.labels] : ['batch', head.labels],
          },
        ]),
  ];
  return {
    graph:
      head === undefined
        ? prune({ ...renamed, outputs })
        : unpackBehind(prune({ ...renamed, outputs }), nameOf(hidden)),
    hidden: nameOf(hidden),
    hiddenSize: size,
    numLabels: head?.labels,
    perToken: head?.perToken ?? false,
    cut: source.filter(({ name }) => !kept.has(name)).map(({ name }) => outputText(name, shapes)),
  };
}

const isStates = (dims: readonly Dim[] | undefined): boolean =>
  dims?.length === 3 && isBatch(dims[0]) && isSequence(dims[1]) && isConstantDim(dims[2] as Dim);

const namedStates = ({ outputs }: Graph, shapes: Probe): string | undefined =>
  outputs.find(({ name }) => name === HIDDEN && isStates(dimsOf(shapes, name)))?.name;

function lastStates(graph: Graph, shapes: Probe): string | undefined {
  if (findBlocks({ graph }).length === 0) return undefined;
  const last = findSites({ graph }).findLast(({ kind }) => kind === 'self');
  const states = last?.outputNorm?.outputs[0];
  return states !== undefined && isStates(dimsOf(shapes, states)) ? states : undefined;
}

/** For models whose last layer does not end in a norm. */
function onlyStates({ outputs }: Graph, shapes: Probe): string | undefined {
  const candidates = outputs.filter(({ name }) => isStates(dimsOf(shapes, name)));
  return candidates.length === 1 ? candidates[0]?.name : undefined;
}

/**
 * The output with one number for each label, of the text or of each token. A pooler gives as many numbers as the hidden
 * states have and is no head.
 */
function headOf({ outputs }: Graph, shapes: Probe): { name: string; labels: number; perToken: boolean } {
  const dims = outputs.some(({ name }) => name === LOGITS) ? dimsOf(shapes, LOGITS) : undefined;
  const [ofTokens] = isStates(dims) ? (dims?.at(-1) ?? []) : [];
  if (ofTokens !== undefined) return { name: LOGITS, labels: ofTokens, perToken: true };
  const candidates = outputs.flatMap(({ name }) => {
    const [batch, labels, ...rest] = dimsOf(shapes, name) ?? [];
    return rest.length === 0 && isBatch(batch) && labels !== undefined && isConstantDim(labels) && !/pool/i.test(name)
      ? [{ name, labels: labels[0], perToken: false }]
      : [];
  });
  const head = candidates.find(({ name }) => name === LOGITS) ?? (candidates.length === 1 ? candidates[0] : undefined);
  if (head !== undefined) return head;
  throw new ConfigError('The model has no classifier of its own to keep', {
    code: 'MODEL_HEAD',
    found: `outputs ${outputs.map(({ name }) => outputText(name, shapes)).join('; ')}`,
    expected: 'logits [batch, labels] or [batch, sequence, labels]',
    hint: 'Use a new classifier: head "linear" or "tanh".',
  });
}

function noStates(source: readonly ValueInfo[], graph: Graph, shapes: Probe): UnsupportedError {
  const inputs = graph.inputs.map(({ name }) => outputText(name, shapes)).join('; ');
  return new UnsupportedError('The model has no hidden states of a text encoder', {
    code: 'MODEL_OUTPUT',
    found:
      `${source.map(({ name }) => outputText(name, shapes)).join('; ')}, from ` +
      `${inputs === '' ? 'no inputs' : inputs}`,
    expected: 'last_hidden_state [batch, sequence, hidden], or layers of attention with a norm behind',
    hint: 'Export the encoder without a task head (feature-extraction).',
  });
}

function outputText(name: string, shapes: Probe): string {
  const dims = dimsOf(shapes, name)?.map((dim) =>
    isBatch(dim) ? 'batch' : isSequence(dim) ? 'sequence' : isConstantDim(dim) ? dim[0] : '?',
  );
  return `${name} [${dims?.join(', ') ?? '?'}]`;
}

/** The graph with values called otherwise. */
function withNames(graph: Graph, names: ReadonlyMap<string, string>): Graph {
  if (names.size === 0) return graph;
  const rename = (value: string): string => names.get(value) ?? value;
  return {
    ...graph,
    nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) })),
  };
}
