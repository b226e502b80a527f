import { ConfigError, weightsDigest, type Batch } from '@hadamard-adapter/core';
import {
  buildServingModel,
  canonicalize,
  findSites,
  type CanonicalGraph,
  type ServedOutput,
  type ServingBase,
  type ServingModel,
  type ServingOptions,
} from '@hadamard-adapter/compiler/internal';
import type { Graph } from '@hadamard-adapter/graph/internal';
import { baseWeights } from '../session/digest.js';
import type { PackedAdapter } from './packed-adapter.js';

/** In place of the name of an adapter: the base model as it is (PEFT's word). */
export const BASE_ADAPTER = '__base__';

/** @throws ConfigError ADAPTER_NAME. */
export function checkName(name: string): void {
  if (name === BASE_ADAPTER)
    throw new ConfigError('This name stands for the base model', {
      code: 'ADAPTER_NAME',
      found: name,
      expected: 'any other name',
    });
}

/** What one call of a serving graph is about. */
export interface ServingRequest {
  readonly model: ServingModel;
  readonly output: ServedOutput;
  readonly batch: Batch;
  /** One for the whole batch, or several for a batch that mixes them. */
  readonly adapters: readonly PackedAdapter[];
  /** Which of `adapters` each row has, [batch]. */
  readonly rows: readonly number[];
}

/** The serving graphs of one model on a runtime, each compiled when it is first needed. */
export interface ServingPrograms {
  /**
   * Logits or hidden states of all rows, flat. Of rows whose adapters have fewer labels than others, those that they
   * lack are filled up behind their own.
   */
  run(request: ServingRequest): Promise<Float32Array>;
  release(): Promise<void>;
}

/**
 * Adapters that share one batch. Their graphs grow with them: those of `latest` serve all, those of before are only
 * finished with.
 */
export interface ServingGroup {
  latest?: { readonly model: ServingModel; readonly programs: ServingPrograms };
}

/**
 * Whether the graphs of adapters can answer for the base too: with hidden states always, with logits where they keep
 * its own classifier.
 */
export const servesBase = ({ latest }: ServingGroup, output: ServedOutput): boolean =>
  latest !== undefined && (output === 'hidden' || latest.model.options.head === 'model');

/** A base with its own classifier, and cut back to its encoder: they are different bases to an adapter. */
export class ServingBases {
  private readonly graph: Graph;
  private readonly opened = new Map<boolean, Promise<ServingBase>>();

  constructor(graph: Graph) {
    this.graph = graph;
  }

  get(keepHead: boolean): Promise<ServingBase> {
    const base = this.opened.get(keepHead) ?? openBase(this.graph, keepHead);
    this.opened.set(keepHead, base);
    return base;
  }
}

async function openBase(graph: Graph, keepHead: boolean): Promise<ServingBase> {
  const canonical = canonicalize(graph, { keepHead });
  return { canonical, sites: findSites(canonical), digest: await weightsDigest(baseWeights(canonical.graph)) };
}

/** The base where no adapters are loaded that serve it, opened when it is first asked for. */
export class BaseGroups {
  private readonly bases: ServingBases;
  private readonly makePrograms: () => ServingPrograms;
  private readonly opened = new Map<ServedOutput, Promise<ServingGroup>>();

  constructor(bases: ServingBases, makePrograms: () => ServingPrograms) {
    this.bases = bases;
    this.makePrograms = makePrograms;
  }

  /** @throws ConfigError MODEL_HEAD for logits of a base without a classifier. */
  get(output: ServedOutput): Promise<ServingGroup> {
    const group = this.opened.get(output) ?? this.open(output);
    this.opened.set(output, group);
    return group;
  }

  async release(): Promise<void> {
    for (const group of this.opened.values()) await (await group.catch(() => undefined))?.latest?.programs.release();
  }

  private async open(output: ServedOutput): Promise<ServingGroup> {
    const { canonical } = await this.bases.get(output === 'logits');
    const model = buildServingModel(canonical, withoutAdapters(canonical, output));
    return { latest: { model, programs: this.makePrograms() } };
  }
}

const withoutAdapters = ({ perToken }: CanonicalGraph, output: ServedOutput): ServingOptions => {
  const own = output === 'logits';
  return {
    site: 'context',
    norm: 'none',
    crossAttention: false,
    pooling: own && perToken ? 'none' : 'first',
    head: own ? 'model' : 'linear',
  };
};
