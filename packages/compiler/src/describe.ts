import { layout } from '@hadamard-adapter/core';
import { insertAdapters, type AdapterPlacement } from './adapters/insert.js';
import type { CanonicalGraph } from './forms/canonical-graph.js';
import { chooseNorms, chooseSites } from './sites/choose.js';
import { findSites, type SiteInfo } from './sites/sites.js';

/** One place an adapter would sit at, in the words of the file. */
export interface SiteDescription {
  readonly key: string;
  readonly layer: number;
  readonly kind: SiteInfo['kind'];
  /** Name of the node that the heads come out of. */
  readonly attention: string;
  /** The tensor that the adapter would be applied to. */
  readonly tensor: string;
  /** Name of the node of the output projection, in front of or behind the adapter. */
  readonly projection: string;
  readonly channels: number;
  /** Scales of the norms that would be trained with it, by their names in the checkpoint. */
  readonly norms: readonly string[];
}

export interface ModelDescription {
  /** Self-attention layers of the model, with or without adapter. */
  readonly layers: number;
  readonly hiddenSize: number;
  /** Numbers in the weights of the model. */
  readonly total: number;
  /** Numbers that stage two would train: adapters and norms. */
  readonly trainable: number;
  readonly sites: readonly SiteDescription[];
}

/**
 * Where adapters would sit in a model, and what that trains.
 *
 * @throws UnsupportedError as `findSites`, saying what was seen instead; ConfigError ADAPTER_LAYERS, ADAPTER_CROSS.
 */
export function describeModel(canonical: CanonicalGraph, placement: AdapterPlacement): ModelDescription {
  const sites = findSites(canonical);
  const { parameters } = insertAdapters(canonical.graph, sites, placement);
  const place = placement.site === 'output' ? 'output' : 'context';
  return {
    layers: new Set(sites.map(({ layer }) => layer)).size,
    hiddenSize: canonical.hiddenSize,
    total: canonical.parameterCount,
    trainable: layout(parameters).size,
    sites: chooseSites(sites, placement).map((site) => ({
      key: site.key,
      layer: site.layer,
      kind: site.kind,
      attention: site.attention.name,
      tensor: site[place],
      projection: site.projection.name,
      channels: site.channels[place],
      norms: chooseNorms(site, placement.norm).map(({ node }) => node.inputs[1] ?? node.name),
    })),
  };
}
