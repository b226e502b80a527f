import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as transformers from '@huggingface/transformers';
import { chromium, type Browser, type Page as Tab } from 'playwright';
import { build, preview, type InlineConfig, type PreviewServer } from 'vite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHROMIUM_FLAGS, chromiumPath } from '../../../tooling/chromium.mjs';
import type { Page } from './page/main.js';
import { ASSETS, QUICK, examples, loaderOf } from './support.js';

const source = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

/** Where the page keeps what it learned. */
const PLACES = ['opfs://adapters/subjects', 'indexeddb://subjects'];

const executable = chromiumPath();
const reason =
  executable === undefined || !existsSync(executable) ? 'skipped: no Chromium; set CHROME_PATH to one' : undefined;
if (reason !== undefined) console.warn(reason);

/** A production build of the page from the sources, served with what SharedArrayBuffer needs. */
function pageConfig(outDir: string): InlineConfig {
  const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
  return {
    root: source('transformers/tests/page'),
    configFile: false,
    logLevel: 'error',
    // What is not there is not there, rather than this page.
    appType: 'mpa',
    resolve: {
      alias: [
        // What its package.json says to bundlers.
        { find: /^@hadamard-adapter\/onnxruntime$/, replacement: source('onnxruntime/src/web.ts') },
        { find: /^@hadamard-adapter\/([a-z]+)$/, replacement: source('$1/src/index.ts') },
        { find: /^@hadamard-adapter\/([a-z]+)\/([a-z-]+)$/, replacement: source('$1/src/$2.ts') },
      ],
    },
    // This page starts no worker, and the script of one has its name only beside the built files.
    plugins: [
      {
        name: 'no-workers',
        load: (id) => (id.endsWith('/worker/in-worker.ts') ? 'export const loadModelInWorker = undefined;' : undefined),
      },
    ],
    build: { outDir, emptyOutDir: true, target: 'esnext', minify: false, reportCompressedSize: false },
    preview: { port: 0, headers },
  };
}

describe.skipIf(reason !== undefined)('a page that is loaded again', () => {
  // A third of the examples: enough to be far from chance.
  const train = examples('train', 160);
  const test = examples('test');
  const requests: string[] = [];
  const complaints: string[] = [];
  let folder: string;
  let server: PreviewServer | undefined;
  let browser: Browser | undefined;
  let tab: Tab;
  let origin: string;

  /** Call a function of the page. */
  async function ask<Name extends keyof Page>(
    name: Name,
    ...given: Parameters<Page[Name]>
  ): Promise<Awaited<ReturnType<Page[Name]>>> {
    const call = ({ method, values }: { method: string; values: unknown[] }): unknown =>
      (globalThis as unknown as { page: Record<string, (...values: unknown[]) => unknown> }).page[method]?.(...values);
    return (await tab.evaluate(call, { method: name, values: given })) as Awaited<ReturnType<Page[Name]>>;
  }
  const ready = (): Promise<unknown> => tab.waitForFunction(() => 'page' in globalThis);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'hadamard-page-'));
    await build(pageConfig(folder));
    cpSync(ASSETS, join(folder, 'models'), { recursive: true });
    server = await preview(pageConfig(folder));
    origin = new URL(server.resolvedUrls?.local[0] as string).origin;
    browser = await chromium.launch({
      executablePath: executable as string,
      chromiumSandbox: false,
      args: CHROMIUM_FLAGS,
    });
    const context = await browser.newContext();
    context.on('request', (request) => requests.push(request.url()));
    tab = await context.newPage();
    tab.on('pageerror', ({ message }) => complaints.push(message));
    await tab.goto(origin);
    await ready();
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it('learns what the same run in Node learns, and gives the same answers after the reload', async () => {
    expect(await ask('isIsolated')).toBe(true);
    await ask('fit', train, QUICK);
    const { accuracy = 0 } = await ask('evaluate', test);
    const expected = await ask('classify', test.texts);
    const node = await loaderOf(transformers)();
    await node.fit(train, QUICK);
    const { accuracy: inNode = 0 } = await node.evaluate(test);
    await node.dispose();
    // Six classes: one in six is chance.
    expect(inNode).toBeGreaterThan(0.4);
    expect(Math.round(Math.abs(accuracy - inNode) * test.texts.length)).toBeLessThanOrEqual(1);
    for (const place of PLACES) await ask('save', place);

    await tab.reload();
    await ready();
    expect(await ask('isLoaded')).toBe(false);
    for (const place of PLACES) {
      await ask('load', place, place);
      expect(await ask('classify', test.texts)).toEqual(expected);
    }
    expect(complaints).toEqual([]);
  });

  it('asks nobody else for anything', () => {
    const elsewhere = requests.filter(
      (address) => !/^(data|blob):/.test(address) && new URL(address).origin !== origin,
    );
    expect(elsewhere).toEqual([]);
    // What would come from elsewhere by default: the model, and ONNX Runtime.
    for (const file of ['.onnx', '.wasm']) expect(requests.some((address) => address.endsWith(file))).toBe(true);
  });
});
