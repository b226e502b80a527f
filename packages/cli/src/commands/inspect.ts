import { Command } from 'commander';
import { formatCount, formatShare, share } from '@hadamard-adapter/core';
import { canonicalize, describeModel, type ModelDescription } from '@hadamard-adapter/onnx';
import { openModel } from '../io/model-folder.js';
import { jsonOption, withPlacement, type PlacementFlags } from '../options.js';
import { print, printJson } from '../output/report.js';
import { table } from '../output/tables.js';

/** What `--json` prints. */
export interface Inspection extends ModelDescription {
  readonly family: string;
  readonly share: number;
}

export function inspectCommand(): Command {
  return withPlacement(new Command('inspect').description('show where adapters would sit in a model, and how many numbers they train'))
    .argument('<model>', 'model folder, .onnx file or hub id')
    .addOption(jsonOption())
    .action(async (place: string, flags: PlacementFlags & { json?: boolean }) => {
      const folder = await openModel(place);
      const canonical = canonicalize(folder.graph);
      const description = describeModel(canonical, flags);
      const inspection: Inspection = { family: folder.family ?? 'unknown', ...description, share: share(description.trainable, description.total) };
      if (flags.json === true) printJson(inspection);
      else printInspection(folder.name, inspection, flags);
    });
}

function printInspection(name: string, { family, layers, hiddenSize, total, trainable, share: part, sites }: Inspection, { site, norm }: PlacementFlags): void {
  print(`${name}: ${family}, ${layers} layers, hidden size ${hiddenSize}, ${formatCount(total)} parameters`);
  print(`site ${site}, norm ${norm}: trains ${formatCount(trainable)} numbers, ${formatShare(part)} of the model`);
  const rows = sites.map(({ key, attention, tensor, projection, norms }) => [key, attention, tensor, projection, norms.join(', ') || 'none']);
  print(table(['site', 'attention', 'adapter on', 'output projection', 'norm'], rows));
}
