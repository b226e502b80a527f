import { mebibytes } from '@hadamard-adapter/core/internal';
import { join } from 'node:path';
import { Command } from 'commander';
import { classNameOf, unfoldAdapters } from '@hadamard-adapter/compiler/internal';
import { writeModel } from '@hadamard-adapter/graph/internal';
import { writeFolder, type Content } from '@hadamard-adapter/hub/node';
import { readBytes, readBytesIfAny } from '../io/files.js';
import { jsonOption } from '../options.js';
import { print, printJson } from '../output/report.js';
import { KEPT } from './merge.js';

interface UnmergeFlags {
  readonly model: string;
  readonly output: string;
  readonly json?: boolean;
}

/** `unmerge`: the base model out of what `merge` wrote. */
export function unmergeCommand(): Command {
  return new Command('unmerge')
    .description(
      'take an adapter out of a merged model again: the base model, its matrices to the last digit of float32',
    )
    .requiredOption('--model <folder>', 'model folder that merge wrote')
    .requiredOption('--output <folder>', 'model folder to write')
    .addOption(jsonOption())
    .action(async ({ model, output, json }: UnmergeFlags) => {
      const base = writeModel(unfoldAdapters(await readBytes(join(model, 'onnx', 'model.onnx'), 'The merged model')));
      const files: Record<string, Content> = { 'onnx/model.onnx': base };
      for (const name of KEPT) {
        const bytes = await readBytesIfAny(join(model, name));
        if (bytes !== undefined) files[name] = bytes;
      }
      const config = await readBytesIfAny(join(model, 'config.json'));
      if (config !== undefined) {
        const parsed = JSON.parse(new TextDecoder().decode(config)) as Record<string, unknown>;
        files['config.json'] = new TextEncoder().encode(`${JSON.stringify(baseConfig(parsed), undefined, 2)}\n`);
      }
      await writeFolder(output, files);
      const bytes = base.reduce((sum, chunk) => sum + chunk.byteLength, 0);
      if (json === true) printJson({ output, bytes });
      else print(`wrote ${output} (${mebibytes(bytes)}): output hidden states`);
    });
}

/** What `merge` writes into a config. */
const OF_LABELS = new Set(['num_labels', 'id2label', 'label2id', 'problem_type']);

/** The config without labels, and with the architecture of an encoder. */
function baseConfig(config: Record<string, unknown>): Record<string, unknown> {
  const architecture = classNameOf(String(config['model_type']), 'FEATURE_EXTRACTION');
  const rest = Object.fromEntries(Object.entries(config).filter(([key]) => !OF_LABELS.has(key)));
  return { ...rest, ...(architecture === undefined ? {} : { architectures: [architecture] }) };
}
