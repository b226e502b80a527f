import { Command } from 'commander';
import { countTrainable, formatCount, formatShare, share } from '@hadamard-adapter/core';
import { canonicalize, findSites, readModel, type CanonicalGraph, type SiteInfo } from '@hadamard-adapter/onnx';
import { openModel } from '../io/model-folder.js';
import { jsonOption, withPlacement, type PlacementFlags } from '../options.js';
import { print, printJson } from '../output/report.js';
import { table } from '../output/tables.js';

export interface Inspection {
  readonly family: string;
  readonly layers: number;
  readonly hiddenSize: number;
  /** Parameters of the base model. */
  readonly total: number;
  /** Numbers trained in stage two for the chosen placement. */
  readonly trainable: number;
  readonly share: number;
  readonly sites: readonly { readonly layer: number; readonly node: string; readonly tensor: string; readonly norm: string }[];
}

export function inspectCommand(): Command {
  return withPlacement(new Command('inspect').description('show where adapters would sit in a model, and how many numbers they train'))
    .argument('<model>', 'model folder, .onnx file or hub id')
    .addOption(jsonOption())
    .action(async (place: string, flags: PlacementFlags & { json?: boolean }) => {
      const folder = await openModel(place);
      const canonical = canonicalize(readModel(folder.model, { externalData: folder.externalData }));
      const inspection = inspect(canonical, folder.family ?? 'unknown', flags);
      if (flags.json === true) printJson(inspection);
      else printInspection(folder.name, inspection);
    });
}

/** @throws UnsupportedError when no attention is found, saying what was seen instead. */
export function inspect(canonical: CanonicalGraph, family: string, { site, norm, layers }: PlacementFlags): Inspection {
  const sites = findSites(canonical);
  const chosen = sites.filter(({ layer }) => layers === undefined || layers.includes(layer));
  const total = canonical.parameters;
  const trainable = countTrainable({ hiddenSize: canonical.hiddenSize, layers: chosen.length, norm });
  return {
    family,
    layers: sites.length,
    hiddenSize: canonical.hiddenSize,
    total,
    trainable,
    share: share(trainable, total),
    sites: chosen.map((info) => ({
      layer: info.layer,
      node: info.projection.name,
      tensor: site === 'context' ? info.context : info.output,
      norm: normNames(info, norm),
    })),
  };
}

function normNames({ attentionNorm, outputNorm }: SiteInfo, norm: PlacementFlags['norm']): string {
  const nodes = [...(norm === 'attention' || norm === 'both' ? [attentionNorm] : []), ...(norm === 'output' || norm === 'both' ? [outputNorm] : [])];
  return nodes.map((node) => node.inputs[1] ?? node.name).join(', ') || 'none';
}

function printInspection(name: string, { family, layers, hiddenSize, total, trainable, share: part, sites }: Inspection): void {
  print(`${name}: ${family}, ${layers} layers, hidden size ${hiddenSize}, ${formatCount(total)} parameters`);
  print(`trains ${formatCount(trainable)} numbers, ${formatShare(part)} of the model`);
  print(table(['layer', 'output projection', 'adapter on', 'norm'], sites.map(({ layer, node, tensor, norm }) => [layer, node, tensor, norm])));
}
