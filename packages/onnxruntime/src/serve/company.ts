import { ConfigError, weightsDigest } from '@hadamard-adapter/core';
import { baseWeights } from '@hadamard-adapter/runtime/internal';
import {
  type ServingBase,
  buildServingModel,
  canonicalize,
  findSites,
  type CanonicalGraph,
  type ServedOutput,
  type ServingModel,
  type ServingOptions,
} from '@hadamard-adapter/compiler/internal';
import type { Graph } from '@hadamard-adapter/graph/internal';
import type { Programs } from '../programs.js';

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

/**
 * Adapters that are served together. Their graphs grow with them: those of `latest` serve all, those of before are only
 * finished with.
 */
export interface Company {
  latest?: { readonly model: ServingModel; readonly programs: Programs };
}

/** The base with its own classifier, or cut back to its encoder: they are different bases to an adapter. */
export type BaseFor = (keepHead: boolean) => Promise<ServingBase>;

export function basesOf(graph: Graph): BaseFor {
  const bases = new Map<boolean, Promise<ServingBase>>();
  return (keepHead) => {
    const opened = bases.get(keepHead) ?? openBase(graph, keepHead);
    bases.set(keepHead, opened);
    return opened;
  };
}

async function openBase(graph: Graph, keepHead: boolean): Promise<ServingBase> {
  const canonical = canonicalize(graph, { keepHead });
  return { canonical, sites: findSites(canonical), digest: await weightsDigest(baseWeights(canonical.graph)) };
}

/**
 * Whether the graphs of adapters can answer for the base too: with hidden states always, with logits where they keep
 * its own classifier.
 */
export const servesBase = ({ latest }: Company, output: ServedOutput): boolean =>
  latest !== undefined && (output === 'hidden' || latest.model.options.head === 'model');

/** The base where no adapters are loaded that serve it, opened when it is first asked for. */
export interface PlainCompanies {
  /** @throws ConfigError MODEL_HEAD for logits of a base without a classifier. */
  get(output: ServedOutput): Promise<Company>;
  release(): Promise<void>;
}

export function plainCompanies(baseFor: BaseFor, makePrograms: () => Programs): PlainCompanies {
  const opened = new Map<ServedOutput, Promise<Company>>();
  return {
    get(output) {
      const company =
        opened.get(output) ??
        baseFor(output === 'logits').then(({ canonical }) => ({
          latest: { model: buildServingModel(canonical, withoutAdapters(canonical, output)), programs: makePrograms() },
        }));
      opened.set(output, company);
      return company;
    },
    async release() {
      for (const company of opened.values()) await (await company.catch(() => undefined))?.latest?.programs.release();
    },
  };
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
