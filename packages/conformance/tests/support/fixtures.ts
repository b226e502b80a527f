import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readSafetensors, writeSafetensors, type Tensor } from '@hadamard-adapter/core';
import { readFixture, type Fixture } from '../../src/index.js';
import { packagedFixtures } from '../../src/node.js';

/** golden.json as a test edits it. */
export interface GoldenJson {
  pooling: unknown;
  shapes: Record<string, unknown>;
  variants: Record<string, Record<string, unknown>>;
  trajectory: unknown;
}

export const packagedFile = (family: string, path: string): Uint8Array =>
  new Uint8Array(readFileSync(join(packagedFixtures, family, path)));

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);

export interface Edits {
  readonly golden?: (golden: GoldenJson) => void;
  readonly tensors?: (tensors: Map<string, Tensor>) => void;
  /** Files that replace those of the folder; undefined for one that is missing. */
  readonly files?: Readonly<Record<string, Uint8Array | undefined>>;
  readonly variants?: readonly string[];
}

/** A packaged family with something changed, as `readFixture` reads it. */
export function edited(
  family: string,
  { golden, tensors, files = {}, variants = ['model.onnx'] }: Edits = {},
): Promise<Fixture> {
  return readFixture(family, variants, async (path) => {
    if (Object.hasOwn(files, path)) return files[path];
    if (path === 'golden.json' && golden !== undefined) return editedJson(family, golden);
    if (path === 'golden.safetensors' && tensors !== undefined) return editedTensors(family, tensors);
    return packagedFile(family, path);
  });
}

function editedJson(family: string, edit: (golden: GoldenJson) => void): Uint8Array {
  const golden = JSON.parse(new TextDecoder().decode(packagedFile(family, 'golden.json'))) as GoldenJson;
  edit(golden);
  return text(JSON.stringify(golden));
}

function editedTensors(family: string, edit: (tensors: Map<string, Tensor>) => void): Uint8Array {
  const { tensors } = readSafetensors(packagedFile(family, 'golden.safetensors'));
  edit(tensors);
  return writeSafetensors(tensors);
}

/** Takes out every tensor whose name matches, float64 twins included. */
export const without =
  (pattern: RegExp) =>
  (tensors: Map<string, Tensor>): void => {
    const found = [...tensors.keys()].filter((name) => pattern.test(name));
    // An edit that changes nothing would leave the test that makes it without meaning.
    if (found.length === 0) throw new Error(`no golden tensor matches ${pattern}`);
    for (const name of found) tensors.delete(name);
  };
