// A process of its own, without vitest: `node keras-fresh.mjs FOLDER TOKENS`. Vite reads the TypeScript sources, as no
// build is needed for a test.
import { fileURLToPath } from 'node:url';
import { runnerImport } from 'vite';

const path = (/** @type {string} */ relative) => fileURLToPath(new URL(relative, import.meta.url));
const { module } = await runnerImport(path('keras-fresh.ts'), {
  configFile: false,
  logLevel: 'error',
  resolve: { alias: { '@hadamard-adapter/core': path('../../../core/src/index.ts') } },
});
const [, , folder, tokens] = process.argv;
process.stdout.write(JSON.stringify(await module.load(folder, JSON.parse(tokens))));
