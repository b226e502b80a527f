import { readdirSync } from 'node:fs';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { CHROMIUM_FLAGS, chromiumPath } from './tooling/chromium.mjs';
import { LongestFirst } from './tooling/test/longest-first.mjs';

/** Tests run against the sources: no build is needed first, and a stack trace points at what a person edits. */
const packages = readdirSync(new URL('packages', import.meta.url));

// Tests that open ONNX Runtime themselves report nothing to its makers either.
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';

const source = (path: string): string => new URL(`packages/${path}`, import.meta.url).pathname;

/** Without them a page has no SharedArrayBuffer, and WASM one thread. */
const ISOLATION = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

/** Files that end so are run in a browser. */
const IN_BROWSER = ['packages/*/tests/**/*.browser.test.ts'];

export default defineConfig({
  resolve: {
    alias: packages.flatMap((name) => [
      { find: new RegExp(`^@hadamard-adapter/${name}$`), replacement: source(`${name}/src/index.ts`) },
      { find: new RegExp(`^@hadamard-adapter/${name}/([a-z-]+)$`), replacement: source(`${name}/src/$1.ts`) },
    ]),
  },
  test: {
    // `npm test` leaves these out: more of a kind that other tests stand for, and long runs.
    tags: [{ name: 'all', description: 'only in npm run test:all' }],
    // The longest first, so that no process is left with one at the end.
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'node',
          // Vitest leaves one core to itself; it needs none while tests run, and on two cores that would be half of
          // them.
          maxWorkers: '100%',
          // Files share processes, so that each loads the sources, ONNX Runtime and TensorFlow.js once. Nothing a test
          // changes may outlive it.
          isolate: false,
          include: ['packages/*/tests/**/*.test.ts', 'apps/docs/tests/*.test.ts', 'tooling/**/*.test.ts'],
          exclude: ['**/node_modules/**', ...IN_BROWSER],
          // No bound on speed, which budgets are: it ends what hangs, on a machine with much other work too.
          testTimeout: 300_000,
          hookTimeout: 300_000,
        },
      },
      {
        extends: true,
        server: { headers: ISOLATION },
        // What its package.json says to bundlers.
        resolve: {
          alias: [{ find: /^@hadamard-adapter\/onnxruntime$/, replacement: source('onnxruntime/src/web.ts') }],
        },
        optimizeDeps: {
          // All dependencies are found before the first test: one found later would reload the page, and what ran in it
          // is lost.
          entries: [...IN_BROWSER, 'packages/*/src/**/*.ts'],
          // It finds its .wasm beside itself.
          exclude: ['onnxruntime-web', 'onnxruntime-web/wasm', 'onnxruntime-web/webgpu', '@huggingface/transformers'],
        },
        test: {
          name: 'browser',
          include: IN_BROWSER,
          // Compiling shaders in software takes seconds for every new graph, a minute and a half for the longest test
          // on two slow cores. This is no bound on speed: it ends what hangs.
          testTimeout: 300_000,
          fileParallelism: false,
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: { executablePath: chromiumPath(), chromiumSandbox: false, args: CHROMIUM_FLAGS },
            }),
            instances: [{ browser: 'chromium' }],
          },
        },
      },
    ],
  },
});
