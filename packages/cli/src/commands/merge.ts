import { mebibytes } from '@hadamard-adapter/core/internal';
import { classNameOf } from '@hadamard-adapter/compiler/internal';
import { isTokenLoss } from '@hadamard-adapter/core';
import { writeFolder, type Content } from '@hadamard-adapter/hub/node';
import { Command } from 'commander';
import { print, printJson } from '../output/report.js';
import { jsonOption } from '../options.js';
import { readBytesIfAny } from '../io/files.js';
import { useAdapter, type UseFlags } from './use.js';
import { join } from 'node:path';

interface MergeFlags extends UseFlags {
  readonly output: string;
}

/** Files of a model folder that a merged model needs as they are. */
export const KEPT = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'vocab.txt',
  'vocab.json',
  'merges.txt',
];

export function mergeCommand(): Command {
  return new Command('merge')
    .description(
      'fold a trained adapter into the weights: a plain model folder that any ONNX tool and transformers.js read',
    )
    .requiredOption('--model <model>', 'model folder, .onnx or .safetensors file, or hub id')
    .requiredOption('--adapter <folder>', 'adapter folder')
    .requiredOption('--output <folder>', 'model folder to write')
    .addOption(jsonOption())
    .action(async (flags: MergeFlags) => {
      const used = await useAdapter({ ...flags, device: 'cpu', arithmetic: 'float32' });
      try {
        const model = await used.session.fold();
        const files: Record<string, Content> = {
          'config.json': new TextEncoder().encode(`${JSON.stringify(mergedConfig(used), undefined, 2)}\n`),
          'onnx/model.onnx': model,
        };
        for (const name of KEPT) {
          const bytes = await readBytesIfAny(join(used.folder.path, name));
          if (bytes !== undefined) files[name] = bytes;
        }
        await writeFolder(flags.output, files);
        const bytes = model.reduce((sum, chunk) => sum + chunk.byteLength, 0);
        if (flags.json === true) printJson({ output: flags.output, bytes, labels: used.labels });
        else print(`wrote ${flags.output} (${mebibytes(bytes)}): outputs logits and hidden states, inputs as before`);
      } finally {
        await used.session.dispose();
      }
    });
}

/** The base model's config with the labels, and the architecture that transformers.js chooses its class by. */
function mergedConfig({ folder, labels, config }: Awaited<ReturnType<typeof useAdapter>>): Record<string, unknown> {
  const architecture = classNameOf(folder.family ?? 'bert', config.task_type);
  return {
    ...folder.config,
    ...(architecture === undefined ? {} : { architectures: [architecture] }),
    num_labels: config.num_labels,
    id2label: Object.fromEntries(labels.map((label, i) => [String(i), label])),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
    ...(isTokenLoss(config.loss)
      ? {}
      : {
          problem_type: {
            'cross-entropy': 'single_label_classification',
            mse: 'regression',
            bce: 'multi_label_classification',
          }[config.loss],
        }),
  };
}
