import {
  ConfigError,
  isTokenLoss,
  type HeadKind,
  type Loss,
  type Norm,
  type ParameterInfo,
  type Pooling,
  type Site,
} from '@hadamard-adapter/core';
import { builderOn, type Graph } from '@hadamard-adapter/graph/internal';
import { exposeBase } from './adapters/base.js';
import { insertBaseline, type Baseline } from './adapters/baselines/baseline.js';
import { insertAdapters, type AdapterParts } from './adapters/insert.js';
import { exposeOwnHead } from './adapters/own-head.js';
import { parameterInput, sortParameters, type Parameter } from './adapters/parameters.js';
import type { CanonicalGraph } from './forms/canonical-graph.js';
import { LOGITS } from './forms/names.js';
import { paddingMaskInput } from './forms/masks.js';
import { DROPOUT_INPUT, PAIR_PERMUTATION_INPUT, attachHead, headParameters } from './heads/head.js';
import { TARGETS_INPUT, attachLoss, targetDims } from './heads/loss.js';
import type { SiteChoice } from './sites/choose.js';
import type { Int8Bits } from './forms/int8-bits.js';
import { findSites, type SiteInfo } from './sites/sites.js';

export interface AdapterModelOptions extends SiteChoice {
  /** `none` leaves the model without adapters: classifier only. */
  readonly site: Site | 'none';
  readonly norm: Norm;
  readonly pooling: Pooling;
  readonly head: HeadKind;
  readonly numLabels: number;
  readonly loss: Loss;
  readonly dropout?: boolean;
  /** See `AdapterPlacement`. */
  readonly parts?: AdapterParts;
  /** Train something else for comparison, with `site` and `norm` `none`. */
  readonly baseline?: Baseline;
  /** Also make every weight of the base trainable, or every bias. */
  readonly trainBase?: boolean | 'bias';
  /** Multiply with frozen weights in integers of so many bits, see `multiplyInInt8`; absent: in float32. */
  readonly int8Bits?: Int8Bits;
  /** See `AdapterPlacement`. */
  readonly separateNorms?: boolean;
}

/**
 * A base model with adapters, head and loss in one graph, every trainable tensor an input of it. What is compiled from
 * it is decided later.
 */
export interface AdapterModel {
  readonly canonical: CanonicalGraph;
  readonly sites: readonly SiteInfo[];
  readonly options: AdapterModelOptions;
  /** Outputs: hidden states, `logits`, `loss`. */
  readonly graph: Graph;
  /** Name of the graph input with the padding mask. */
  readonly mask: string | undefined;
  /** In the order of every flat vector. */
  readonly parameters: readonly Parameter[];
}

/**
 * Insert adapters, attach head and loss.
 *
 * @throws UnsupportedError when no site is found or pooling has no mask; ConfigError for layers that do not exist,
 *   NUM_LABELS, HEAD_DROPOUT, HEAD_LOSS, BASELINE_SITE.
 */
export function buildAdapterModel(canonical: CanonicalGraph, options: AdapterModelOptions): AdapterModel {
  const sites = findSites(canonical);
  const { hiddenSize } = canonical;
  checkHead(canonical, options);
  const adapted =
    options.baseline === undefined
      ? insertAdapters(canonical.graph, sites, options)
      : insertBaseline(canonical.graph, sites, options.baseline, options);
  const own =
    options.head === 'model'
      ? exposeOwnHead(adapted.graph, canonical, options.numLabels)
      : { graph: adapted.graph, parameters: [] };
  const base =
    options.trainBase === undefined || options.trainBase === false
      ? { graph: own.graph, parameters: [] }
      : exposeBase(own.graph, options.trainBase === 'bias');
  const added = options.head === 'model' ? [] : headParameters({ ...options, head: options.head, hiddenSize });
  const inputs = [
    ...base.graph.inputs,
    ...added.map(parameterInput),
    { name: TARGETS_INPUT, dtype: 'float32' as const, dims: targetDims(options.loss, options.numLabels) },
    ...(options.head === 'cosine'
      ? [{ name: PAIR_PERMUTATION_INPUT, dtype: 'float32' as const, dims: ['batch', 'batch'] }]
      : []),
    ...(options.dropout === true
      ? [{ name: DROPOUT_INPUT, dtype: 'float32' as const, dims: ['batch', hiddenSize] }]
      : []),
  ];
  const graph: Graph = { ...base.graph, inputs };
  const mask = paddingMaskInput(graph);
  const builder = builderOn(graph);
  const logits =
    options.head === 'model'
      ? LOGITS
      : attachHead(builder, canonical.hidden, mask, { ...options, head: options.head, hiddenSize });
  const loss = attachLoss(builder, logits, options.loss, mask);
  return {
    canonical,
    sites,
    options,
    graph: builder.finish([canonical.hidden, logits, loss]),
    mask,
    parameters: sortParameters([...added, ...own.parameters, ...adapted.parameters, ...base.parameters]),
  };
}

/** @throws ConfigError HEAD_DROPOUT, HEAD_LOSS. */
function checkHead(
  { perToken }: CanonicalGraph,
  { head, loss, pooling, numLabels, dropout = false }: AdapterModelOptions,
): void {
  if (dropout && (head === 'model' || head === 'cosine')) {
    throw new ConfigError('Dropout sits in front of a new classifier', {
      code: 'HEAD_DROPOUT',
      found: `head "${head}" with dropout`,
      expected: 'no dropout, or head "linear" or "tanh"',
    });
  }
  const wrong = (found: string, expected: string): ConfigError =>
    new ConfigError('Head, pooling and loss do not belong together', { code: 'HEAD_LOSS', found, expected });
  if (isTokenLoss(loss) !== (pooling === 'none'))
    throw wrong(`pooling "${pooling}" with loss "${loss}"`, 'pooling "none" with losses of tokens, and only with them');
  if (head === 'model' && perToken !== isTokenLoss(loss))
    throw wrong(
      `a classifier of ${perToken ? 'tokens' : 'texts'} with loss "${loss}"`,
      perToken ? 'a loss of tokens' : 'a loss of texts',
    );
  if (loss === 'span-cross-entropy' && numLabels !== 2)
    throw wrong(`${numLabels} labels for spans`, '2: where a span begins, and where it ends');
  if (head === 'cosine' && (loss !== 'mse' || numLabels !== 1))
    throw wrong(`head "cosine" with loss "${loss}" and ${numLabels} labels`, 'loss "mse" and one label');
}

/** The part of a parameter that runtimes and files show. */
export function parameterInfo({ name, group, shape, source, transposed }: Parameter): ParameterInfo {
  return {
    name,
    group,
    shape,
    ...(source === undefined ? {} : { source }),
    ...(transposed === undefined ? {} : { transposed }),
  };
}
