import { readFileSync, readdirSync } from 'node:fs';

/** Every error code that the sources of a package make. */
export function errorCodes(sources: URL): string[] {
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  const found = files.flatMap((name) => [
    ...readFileSync(new URL(name, sources), 'utf8').matchAll(/code: '([A-Z_0-9]+)'/g),
  ]);
  return [...new Set(found.map(([, code = '']) => code))];
}

/** The folders that the sources of a package are in. */
export const foldersOf = (sources: URL): string[] =>
  readdirSync(sources, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
