import { readdirSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** Tests run against the sources: no build is needed first, and a stack trace points at what a person edits. */
const packages = readdirSync(new URL('packages', import.meta.url));

const source = (path: string): string => new URL(`packages/${path}`, import.meta.url).pathname;

export default defineConfig({
  resolve: {
    alias: packages.flatMap((name) => [
      { find: new RegExp(`^@hadamard-adapter/${name}$`), replacement: source(`${name}/src/index.ts`) },
      { find: new RegExp(`^@hadamard-adapter/${name}/([a-z-]+)$`), replacement: source(`${name}/src/$1.ts`) },
    ]),
  },
  test: {
    include: ['packages/*/tests/**/*.test.ts', 'tooling/**/*.test.ts'],
    testTimeout: 60_000,
  },
});
