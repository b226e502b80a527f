import { readFile, readdir, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DataError } from '@hadamard-adapter/core';
import { readFixture, type Fixture } from './fixture.js';

/** The package that holds them: 20 MB, which only those install who run the suite on them. */
const FIXTURES_PACKAGE = '@hadamard-adapter/conformance-fixtures';

/**
 * The folder of `@hadamard-adapter/conformance-fixtures`, looked for beside this package and from the working folder.
 * Where that package is not installed there is nothing at this path, and `readFixtures` says how to get it.
 */
export const packagedFixtures: string =
  folderSeenFrom(fileURLToPath(import.meta.url)) ??
  folderSeenFrom(join(process.cwd(), 'package.json')) ??
  join('node_modules', FIXTURES_PACKAGE, 'fixtures');

/** The fixtures that a file would get if it imported them. */
function folderSeenFrom(file: string): string | undefined {
  try {
    return join(dirname(createRequire(file).resolve(`${FIXTURES_PACKAGE}/package.json`)), 'fixtures');
  } catch {
    return undefined;
  }
}

/**
 * Read a fixture folder: one folder per family with golden.json and golden.safetensors.
 *
 * @throws DataError FIXTURES_MISSING when there is no such folder, or no family in it.
 */
export async function readFixtures(folder: string, families?: readonly string[]): Promise<Fixture[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    throw new DataError('The fixture folder does not exist', {
      code: 'FIXTURES_MISSING',
      found: `no folder at ${folder}`,
      ...(folder === packagedFixtures ? { hint: `npm install ${FIXTURES_PACKAGE}` } : {}),
      cause,
    });
  });
  const names: string[] = [];
  for (const entry of entries) if (await isFile(join(folder, entry.name, 'golden.json'))) names.push(entry.name);
  const missing = families?.filter((family) => !names.includes(family)) ?? [];
  if (names.length === 0 || missing.length > 0) {
    throw new DataError('The fixture folder lacks what was asked for', {
      code: 'FIXTURES_MISSING',
      found: names.length === 0 ? `no family with golden.json in ${folder}` : `families ${names.join(', ')}`,
      expected: missing.join(', ') || 'one folder per family',
    });
  }
  const chosen = names.filter((name) => families === undefined || families.includes(name)).toSorted();
  return Promise.all(chosen.map((name) => readFamily(join(folder, name), name)));
}

async function readFamily(folder: string, name: string): Promise<Fixture> {
  const models = (await readdir(folder))
    .filter((file) => file.endsWith('.onnx') || file === 'model.safetensors')
    .toSorted();
  return readFixture(name, models, async (path) =>
    (await isFile(join(folder, path))) ? new Uint8Array(await readFile(join(folder, path))) : undefined,
  );
}

const isFile = async (path: string): Promise<boolean> => (await stat(path).catch(() => undefined))?.isFile() ?? false;
