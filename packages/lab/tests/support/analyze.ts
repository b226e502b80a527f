import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fromFloat32, layout } from '@hadamard-adapter/core';
import { decodeAdapter, encodeAdapter, type Adapter } from '@hadamard-adapter/core/folder';
import { loadModel, optionsForAdapter } from '@hadamard-adapter/onnxruntime';
import { expect } from 'vitest';
import { openModel } from '@hadamard-adapter/cli/internal';
import { cli, tinyTable, write } from './cli.js';
import { tinyModel } from './sweep.js';

export interface TinyAdapters {
  readonly model: string;
  /** Animal or tool? */
  readonly nouns: string;
  /** Question or statement? */
  readonly kinds: string;
  /** The tables that they were trained on. */
  readonly tables: { readonly nouns: string; readonly kinds: string };
}

/** A BERT of three layers, and adapters of two tasks for it that have learned their tables. */
export async function tinyAdapters(folder: string): Promise<TinyAdapters> {
  const model = tinyModel(join(folder, 'model'));
  const nouns = write(join(folder, 'nouns.csv'), tinyTable());
  const kinds = write(
    join(folder, 'kinds.csv'),
    tinyTable().replaceAll(
      /^(.*[.?]),\w+$/gm,
      (_, text: string) => `${text},${/garden|\?/.test(text) ? 'where' : 'other'}`,
    ),
  );
  const paths = { nouns: join(folder, 'nouns-adapter'), kinds: join(folder, 'kinds-adapter') };
  for (const [task, table] of [
    ['nouns', nouns],
    ['kinds', kinds],
  ] as const)
    await trainTiny(model, table, paths[task]);
  return { model, ...paths, tables: { nouns, kinds } };
}

export async function trainTiny(
  model: string,
  table: string,
  output: string,
  ...flags: readonly (string | number)[]
): Promise<void> {
  const { code, stderr } = await cli(
    'train',
    '--model',
    model,
    '--train',
    table,
    '--dev',
    table,
    '--output',
    output,
    '--classifier-epochs',
    6,
    '--epochs',
    8,
    '--lr',
    0.03,
    '--batch-size',
    8,
    '--json',
    ...flags,
  );
  expect(code, stderr).toBe(0);
}

export const adapterAt = (path: string): Adapter =>
  decodeAdapter(
    Object.fromEntries(readdirSync(path).map((name) => [name, new Uint8Array(readFileSync(join(path, name)))])),
  );

export function writeAdapter(path: string, adapter: Adapter): string {
  for (const [name, bytes] of Object.entries(encodeAdapter(adapter))) write(join(path, name), bytes);
  return path;
}

/** The adapter with one more layer that does nothing: w = 1, b = 0, and the norm as the base model has it. */
export async function withIdleLayer({ config, tensors }: Adapter, model: string, layer: number): Promise<Adapter> {
  const { layers: _, ...options } = optionsForAdapter(config);
  const session = await loadModel({ graph: (await openModel(model)).graph }, options);
  const base = layout(session.parameters).named(await session.read());
  await session.dispose();
  const names = [...base.keys()].filter((name) => name.startsWith(`layer.${layer}.`));
  return {
    config: { ...config, layers: [...config.layers, layer].toSorted((a, b) => a - b) },
    tensors: new Map([
      ...tensors,
      ...names.map((name) => [name, fromFloat32(base.get(name) as Float32Array)] as const),
    ]),
  };
}
