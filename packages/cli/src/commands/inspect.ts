import { basename } from 'node:path';
import { Command, Option } from 'commander';
import { ConfigError, formatCount, formatShare, share } from '@hadamard-adapter/core';
import {
  buildEncoder,
  canonicalize,
  describeModel,
  placeholderWeights,
  type CanonicalGraph,
  type ModelDescription,
} from '@hadamard-adapter/compiler/internal';
import { readBytes } from '../io/files.js';
import { openModel, readConfig } from '../io/model-folder.js';
import { jsonOption, withPlacement, type PlacementFlags } from '../options.js';
import { STORED } from '../output/precision.js';
import { print, printJson } from '../output/report.js';
import { table } from '../output/tables.js';
import { inspectPasses, passTable } from './inspect-passes.js';

/** What `--json` prints for a model. */
export interface Inspection extends ModelDescription {
  readonly family: string;
  readonly share: number;
  /** How the file stores its matrices. */
  readonly precision: CanonicalGraph['precision'];
  /** Outputs of the model that adapters do not use. */
  readonly cut: readonly string[];
}

/** What it prints for a config. */
interface Counts extends Pick<Inspection, 'family' | 'layers' | 'hiddenSize' | 'total' | 'trainable' | 'share'> {
  readonly model: string;
}

interface InspectFlags extends PlacementFlags {
  readonly model?: string;
  readonly config?: string[];
  readonly passes?: boolean;
  readonly json?: boolean;
}

export function inspectCommand(): Command {
  return withPlacement(
    new Command('inspect').description('show where adapters would sit in a model, and how many numbers they train'),
  )
    .argument('[model]', 'model folder, .onnx or .safetensors file, or hub id')
    .addOption(new Option('--model <model>', 'the same as the argument'))
    .addOption(new Option('--passes', 'show what each pass of the compiler does to it, with node counts and times'))
    .addOption(new Option('--config <files...>', 'count from Hugging Face configs alone, without weights'))
    .addOption(jsonOption())
    .action(async (argument: string | undefined, flags: InspectFlags) => {
      const place = argument ?? flags.model;
      if ((place === undefined) === (flags.config === undefined)) {
        throw new ConfigError('There is nothing to inspect, or too much', {
          code: 'INSPECT_WHAT',
          found: place === undefined ? 'neither a model nor --config' : 'a model and --config',
          expected: 'one of them',
        });
      }
      if (place !== undefined) await inspectModel(place, flags);
      else await inspectConfigs(flags.config ?? [], flags);
    });
}

async function inspectModel(place: string, flags: InspectFlags): Promise<void> {
  const folder = await openModel(place);
  if (flags.passes === true) {
    const passes = inspectPasses(folder.graph, flags);
    if (flags.json === true) printJson({ passes });
    else print(passTable(passes));
    return;
  }
  const inspection = inspected(folder.family ?? 'unknown', canonicalize(folder.graph), flags);
  if (flags.json === true) printJson(inspection);
  else printInspection(folder.name, inspection, flags);
}

/** Counts need shapes only, and those follow from the config. */
async function inspectConfigs(files: readonly string[], flags: InspectFlags): Promise<void> {
  const models: Counts[] = [];
  for (const file of files) {
    const config = readConfig(await readBytes(file, `The config ${file}`));
    const {
      family,
      layers,
      hiddenSize,
      total,
      trainable,
      share: part,
    } = inspected(String(config['model_type']), canonicalize(buildEncoder(config, placeholderWeights())), flags);
    models.push({ model: basename(file, '.json'), family, layers, hiddenSize, total, trainable, share: part });
  }
  if (flags.json === true) {
    printJson(models.length === 1 ? models[0] : { models });
    return;
  }
  print(`site ${flags.site}, norm ${flags.norm}`);
  const rows = models.map(({ model, family, layers, hiddenSize, total, trainable, share: part }) => [
    model,
    family,
    layers,
    hiddenSize,
    formatCount(total),
    formatCount(trainable),
    formatShare(part),
  ]);
  print(table(['model', 'family', 'layers', 'hidden', 'parameters', 'trained', 'share'], rows));
}

function inspected(family: string, canonical: CanonicalGraph, placement: PlacementFlags): Inspection {
  const description = describeModel(canonical, placement);
  return {
    family,
    ...description,
    share: share(description.trainable, description.total),
    precision: canonical.precision,
    cut: canonical.cut,
  };
}

function printInspection(
  name: string,
  { family, layers, hiddenSize, total, trainable, share: part, sites, precision, cut }: Inspection,
  { site, norm }: PlacementFlags,
): void {
  print(`${name}: ${family}, ${layers} layers, hidden size ${hiddenSize}, ${formatCount(total)} parameters`);
  const stored = STORED[precision];
  if (stored !== undefined) print(stored);
  const kept = cut.some((output) => output.startsWith('logits')) ? ' (train --head model keeps the classifier)' : '';
  if (cut.length > 0) print(`not used: ${cut.join(', ')}${kept}`);
  print(`site ${site}, norm ${norm}: trains ${formatCount(trainable)} numbers, ${formatShare(part)} of the model`);
  const rows = sites.map(({ key, attention, tensor, projection, norms }) => [
    key,
    attention,
    tensor,
    projection,
    norms.join(', ') || 'none',
  ]);
  print(table(['site', 'attention', 'adapter on', 'output projection', 'norm'], rows));
}
