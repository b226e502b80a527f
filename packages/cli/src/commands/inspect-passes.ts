import {
  ASKED,
  CANONICAL,
  buildAdapterModel,
  canonicalize,
  programPasses,
  tracePasses,
  type PassTrace,
} from '@hadamard-adapter/compiler/internal';
import { ADAPTER_DEFAULTS } from '@hadamard-adapter/core';
import { prune, type Graph } from '@hadamard-adapter/graph/internal';
import { table } from '../output/tables.js';
import type { PlacementFlags } from '../options.js';

/** What `inspect --passes --json` says of one pass. */
export interface InspectedPass {
  readonly name: string;
  readonly does: string;
  readonly needs: string;
  readonly guarantees: string;
  readonly nodesBefore: number;
  readonly nodesAfter: number;
  readonly milliseconds: number;
}

/**
 * Every pass in its order: from the file to the canonical graph, and from a model with adapters to the program that
 * answers a classifier's logits.
 */
export function inspectPasses(source: Graph, { site, norm }: Pick<PlacementFlags, 'site' | 'norm'>): InspectedPass[] {
  const canonical = tracePasses(CANONICAL, source, { keepHead: false, declared: source.outputs });
  const model = buildAdapterModel(canonicalize(source), {
    ...ADAPTER_DEFAULTS,
    site,
    norm,
    head: 'linear',
    loss: 'cross-entropy',
    numLabels: 2,
  });
  const logits = prune({ ...model.graph, outputs: model.graph.outputs.filter(({ name }) => name === 'logits') });
  const program = tracePasses([...ASKED, ...programPasses({ parameters: model.parameters })], logits);
  return [...canonical, ...program].map(told);
}

const told = ({ pass, nodesBefore, nodesAfter, milliseconds }: PassTrace): InspectedPass => ({
  name: pass.name,
  does: pass.does,
  needs: pass.needs,
  guarantees: pass.guarantees,
  nodesBefore,
  nodesAfter,
  milliseconds,
});

export function passTable(passes: readonly InspectedPass[]): string {
  const rows = passes.map(({ name, does, nodesBefore, nodesAfter, milliseconds }) => [
    name,
    `${nodesBefore}`,
    `${nodesAfter}`,
    milliseconds.toFixed(1),
    does,
  ]);
  return table(['pass', 'nodes before', 'after', 'ms', 'what it does'], rows);
}
