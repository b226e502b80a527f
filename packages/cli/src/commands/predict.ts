import { createInterface } from 'node:readline';
import { Command } from 'commander';
import { ConfigError } from '@hadamard-adapter/core';
import { elementAt } from '@hadamard-adapter/core/internal';
import { classify, type Prediction, type TextInput } from '../classify.js';
import { jsonOption, list, withDevice } from '../options.js';
import { print, printJson } from '../output/report.js';
import { table } from '../output/tables.js';
import { useAdapter, type UseFlags } from './use.js';

interface PredictFlags extends UseFlags {
  readonly text?: string[];
  readonly pair?: string[];
}

export function predictCommand(): Command {
  const command = new Command('predict')
    .description('classify texts with a trained adapter: --text, or one text per line on standard input')
    .requiredOption('--model <model>', 'model folder, .onnx or .safetensors file, or hub id')
    .requiredOption('--adapter <folder>', 'adapter folder')
    .option('--text <text>', 'text to classify, repeatable', list)
    .option('--pair <text>', 'second text of a pair, one for each --text', list);
  return withDevice(command)
    .addOption(jsonOption())
    .action(async (flags: PredictFlags) => {
      const texts = await readTexts(flags);
      const used = await useAdapter(flags);
      try {
        const tokenizer = used.tokenizer();
        const { predictions, truncated } = await classify(used.session, tokenizer, used.labels, texts);
        if (flags.json === true) printJson({ predictions, truncated });
        else {
          printPredictions(predictions);
          if (truncated > 0) print(`${truncated} of ${texts.length} texts cut to ${tokenizer.maxLength} tokens`);
        }
      } finally {
        await used.session.dispose();
      }
    });
}

/** @throws ConfigError TEXT_PAIRS when texts and second texts differ in number. */
async function readTexts({ text, pair }: PredictFlags): Promise<TextInput[]> {
  const texts = text ?? (await readLines());
  if (pair === undefined) return texts.map((each) => ({ text: each }));
  if (pair.length !== texts.length)
    throw new ConfigError('Texts and second texts differ in number', {
      code: 'TEXT_PAIRS',
      found: `${texts.length} and ${pair.length}`,
    });
  return texts.map((each, i) => ({ text: each, pair: elementAt(pair, i) }));
}

async function readLines(): Promise<string[]> {
  if (process.stdin.isTTY) return [];
  const lines: string[] = [];
  for await (const line of createInterface({ input: process.stdin })) if (line.trim() !== '') lines.push(line);
  return lines;
}

export function printPredictions(predictions: readonly Prediction[]): void {
  print(
    table(
      ['text', 'prediction', 'score'],
      predictions.map(({ text, label, score }) => [
        text.length > 70 ? `${text.slice(0, 69)}…` : text,
        label,
        score.toFixed(3),
      ]),
    ),
  );
}
