import { readdirSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** Tests run against the sources: no build is needed first, and a stack trace points at what a person edits. */
const packages = readdirSync(new URL('packages', import.meta.url));

export default defineConfig({
  resolve: {
    alias: packages.map((name) => ({
      find: new RegExp(`^@hadamard-adapter/${name}$`),
      replacement: new URL(`packages/${name}/src/index.ts`, import.meta.url).pathname,
    })),
  },
  test: {
    include: ['packages/*/tests/**/*.test.ts', 'tooling/**/*.test.ts'],
    testTimeout: 60_000,
  },
});
