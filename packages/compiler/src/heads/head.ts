import { UnsupportedError, type HeadKind, type Pooling } from '@hadamard-adapter/core';
import { INTERNAL_DOMAIN, int, type Builder } from '@hadamard-adapter/graph/internal';
import type { Parameter } from '../adapters/parameters.js';

/** A classifier of our own, on top of the hidden states. */
export type NewHead = Exclude<HeadKind, 'model'>;

export interface HeadOptions {
  readonly pooling: Pooling;
  readonly head: NewHead;
  readonly numLabels: number;
  readonly hiddenSize: number;
  /**
   * Multiply what is classified by the input `dropout_mask` [batch, hidden], of tokens all of a text by the same; made
   * outside, since runtimes have no common generator.
   */
  readonly dropout?: boolean;
}

/** Name of the optional input that carries a dropout mask: 0, or 1 / (1 − rate). */
export const DROPOUT_INPUT = 'dropout_mask';

/** BERT's initializer_range. */
const HEAD_DEVIATION = 0.02;

/** The parameters of a classifier head, PyTorch layout: weight [out, in], bias [out]. */
export function headParameters({
  head,
  numLabels,
  hiddenSize,
}: Pick<HeadOptions, 'head' | 'numLabels' | 'hiddenSize'>): Parameter[] {
  const linear = (name: string, outputs: number): Parameter[] => [
    {
      name: `${name}.weight`,
      group: 'classifier',
      shape: [outputs, hiddenSize],
      initial: { deviation: HEAD_DEVIATION },
    },
    { name: `${name}.bias`, group: 'classifier', shape: [outputs], initial: { fill: 0 } },
  ];
  if (head === 'cosine') return [];
  return [...(head === 'tanh' ? linear('pooler', hiddenSize) : []), ...linear('classifier', numLabels)];
}

/**
 * Attach pooling and classifier to hidden states [batch, sequence, hidden]. `linear` is the paper's classifier, one
 * matrix; `tanh` has a dense layer with tanh in front, as BERT's pooler and RoBERTa's classification head do; `cosine`
 * compares each text with its partner.
 *
 * @param mask graph input with 1 at tokens, needed to pool anything but the first position.
 * @returns the logits: [batch, numLabels], with pooling `none` [batch, sequence, numLabels].
 * @throws UnsupportedError POOLING_MASK when it is missing.
 */
export function attachHead(builder: Builder, hidden: string, mask: string | undefined, options: HeadOptions): string {
  const pooled =
    options.pooling === 'none' ? hidden : pool(builder, hidden, mask, { ...options, pooling: options.pooling });
  if (options.head === 'cosine') return cosines(builder, pooled);
  const linear = (input: string, name: string, output?: string): string =>
    builder.emit(
      'Linear',
      [input, `${name}.weight`, `${name}.bias`],
      { transB: int(1) },
      { domain: INTERNAL_DOMAIN, ...(output === undefined ? {} : { output }) },
    );
  const features = options.head === 'tanh' ? builder.emit('Tanh', [linear(pooled, 'pooler')]) : pooled;
  const dropout =
    options.pooling === 'none'
      ? (): string => builder.emit('Unsqueeze', [DROPOUT_INPUT, builder.ints([1])])
      : (): string => DROPOUT_INPUT;
  return linear(
    options.dropout === true ? builder.emit('Mul', [features, dropout()]) : features,
    'classifier',
    'logits',
  );
}

/**
 * Name of the input that says which text each is compared with, float32 [batch, batch]: in each row a 1 at its partner.
 */
export const PAIR_PERMUTATION_INPUT = 'partners';

/** The cosine of each vector [batch, hidden] with that of its partner, [batch, 1]: both texts of a pair get it. */
function cosines(builder: Builder, pooled: string): string {
  const squares = builder.emit('ReduceSum', [builder.emit('Mul', [pooled, pooled]), builder.ints([1])], {
    keepdims: int(1),
  });
  const unit = builder.emit('Div', [pooled, builder.emit('Sqrt', [squares])]);
  const others = builder.emit('MatMul', [PAIR_PERMUTATION_INPUT, unit]);
  return builder.emit(
    'ReduceSum',
    [builder.emit('Mul', [unit, others]), builder.ints([1])],
    { keepdims: int(1) },
    { output: 'logits' },
  );
}

function firstPosition(builder: Builder, hidden: string, hiddenSize: number): string {
  const first = builder.emit('Slice', [hidden, builder.ints([0]), builder.ints([1]), builder.ints([1])]);
  return builder.emit('Reshape', [first, builder.ints([-1, hiddenSize])], {}, { output: 'pooled' });
}

type Pooled = Exclude<Pooling, 'none'>;

function pool(
  builder: Builder,
  hidden: string,
  mask: string | undefined,
  { pooling, hiddenSize }: { readonly pooling: Pooled; readonly hiddenSize: number },
): string {
  switch (pooling) {
    case 'first':
      return firstPosition(builder, hidden, hiddenSize);
    case 'last':
      return lastToken(builder, hidden, tokenWeights(builder, mask, pooling), hiddenSize);
    case 'mean':
      return meanOverTokens(builder, hidden, tokenWeights(builder, mask, pooling));
  }
}

/** The mask as float32, [batch, sequence]. */
export function tokenWeights(builder: Builder, mask: string | undefined, what: Pooled | 'span'): string {
  if (mask !== undefined) return builder.emit('Cast', [mask], { to: int(1) });
  throw new UnsupportedError(
    what === 'span'
      ? 'Spans cannot be learned without knowing the padding'
      : `Pooling "${what}" needs to know the padding`,
    {
      code: 'POOLING_MASK',
      found: 'a model without attention_mask input',
      expected: 'an attention_mask [batch, sequence]',
      ...(what === 'span' ? {} : { hint: 'Use pooling "first".' }),
    },
  );
}

/** Σ mask · h / Σ mask, as sentence embeddings are pooled (Reimers & Gurevych, arXiv 1908.10084). */
function meanOverTokens(builder: Builder, hidden: string, weights: string): string {
  const sum = weightedSum(builder, hidden, weights);
  const tokens = builder.emit('ReduceSum', [weights, builder.ints([1])], { keepdims: int(1) });
  return builder.emit('Div', [sum, tokens], {}, { output: 'pooled' });
}

/**
 * The state at the last token of each row, wherever the padding stands: BART's classifier reads the decoder there
 * (Lewis et al., arXiv 1910.13461, section 3.1). Counting tokens from the back, it is the one that is number 1. As a
 * product with one-hot rows: it moves no data at run-time positions, and `selectPosition` knows it.
 */
function lastToken(builder: Builder, hidden: string, weights: string, hiddenSize: number): string {
  const fromBack = builder.emit('CumSum', [weights, builder.axis(1)], { reverse: int(1) });
  const isLast = builder.emit('Cast', [builder.emit('Equal', [fromBack, builder.scalar(1)])], { to: int(1) });
  const row = builder.emit('Unsqueeze', [builder.emit('Mul', [isLast, weights]), builder.ints([1])]);
  return builder.emit(
    'Reshape',
    [builder.emit('MatMul', [row, hidden]), builder.ints([-1, hiddenSize])],
    {},
    { output: 'pooled' },
  );
}

/** Σ over the sequence of weights[b, s] · hidden[b, s, ·]. */
function weightedSum(builder: Builder, hidden: string, weights: string): string {
  const weighted = builder.emit('Mul', [hidden, builder.emit('Unsqueeze', [weights, builder.ints([2])])]);
  return builder.emit('ReduceSum', [weighted, builder.ints([1])], { keepdims: int(0) });
}
