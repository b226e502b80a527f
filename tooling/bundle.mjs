#!/usr/bin/env node
// What a user's bundler makes of the published packages: a production build with Vite, without any plugin or alias, trains in the page and in the worker, in headless Chromium.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, copyFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright';
import { build, preview } from 'vite';
import { CHROMIUM_FLAGS, ensureChromium } from './chromium.mjs';
import { root } from './lib.mjs';

const output = mkdtempSync(join(tmpdir(), 'hadamard-bundle-'));
const headers = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };
const config = { root: join(root, 'tooling', 'bundle'), configFile: false, logLevel: 'error', worker: { format: 'es' }, build: { outDir: output, emptyOutDir: true, target: 'esnext' }, preview: { port: 0, headers } };

await build(config);
mkdirSync(output, { recursive: true });
copyFileSync(join(root, 'packages', 'conformance', 'fixtures', 'bert', 'model.onnx'), join(output, 'model.onnx'));
const server = await preview(config);
const browser = await chromium.launch({ executablePath: ensureChromium(), chromiumSandbox: false, args: CHROMIUM_FLAGS });
try {
  const page = await browser.newPage();
  const complaints = [];
  page.on('pageerror', ({ message }) => complaints.push(message));
  page.on('requestfailed', (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
  await page.goto(server.resolvedUrls.local[0]);
  await page.waitForFunction(() => globalThis.page !== undefined);
  assert.deepEqual(await page.evaluate(() => globalThis.page.availableDevices()), ['webgpu', 'wasm']);
  const here = await page.evaluate(() => globalThis.page.train('wasm'));
  assert.ok(here[0] > here[1] && here[1] > here[2], `losses should fall: ${here}`);
  assert.deepEqual(await page.evaluate(() => globalThis.page.trainInWorker('wasm')), here);
  const there = await page.evaluate(() => globalThis.page.trainInWorker('webgpu'));
  for (const [i, loss] of there.entries()) assert.ok(Math.abs(loss - here[i]) < 1e-5, `WebGPU in the worker: ${there}, WASM: ${here}`);
  assert.deepEqual(complaints, []);
  console.log(`a production build trains in the page and in the worker: losses ${here.map((loss) => loss.toFixed(4)).join(', ')}`);
  const assets = readdirSync(join(output, 'assets')).filter((name) => name.endsWith('.js') && !name.startsWith('ort.'));
  for (const name of assets.filter((each) => /^(index|worker)/.test(each))) {
    const bytes = readFileSync(join(output, 'assets', name));
    console.log(`${name.replace(/-[\w-]+\.js$/, '.js')}: ${(bytes.length / 1024).toFixed(0)} KB, ${(gzipSync(bytes).length / 1024).toFixed(0)} KB gzip, without ONNX Runtime`);
  }
} finally {
  await browser.close();
  await server.close();
  rmSync(output, { recursive: true, force: true });
}
