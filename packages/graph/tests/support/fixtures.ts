/// <reference types="node" />
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../../../../shared/fixtures', import.meta.url));

/** Printed where tests are skipped for want of the fixtures; undefined when they are there. */
export const noFixtures: string | undefined = existsSync(folder) ? undefined : 'skipped: no ../shared/fixtures';
if (noFixtures !== undefined) console.warn(noFixtures);

/** Every model among the fixtures, as `bert/model.onnx`. */
export function fixtureModels(): string[] {
  if (noFixtures !== undefined) return [];
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  return names
    .map((name) => name.replaceAll('\\', '/'))
    .filter((name) => name.endsWith('.onnx'))
    .sort();
}

/** A fixture file, in a buffer of its own. */
export function fixture(name: string): Uint8Array {
  return new Uint8Array(readFileSync(`${folder}/${name}`));
}
