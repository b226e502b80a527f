#!/usr/bin/env node
// What a user's bundler makes of the packages: a production build with Vite, without any plugin or alias, trains in the
// page and in the worker, in headless Chromium.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { root } from './lib.mjs';
import { inProductionBuild } from './pack/production.mjs';

const model = join(root, 'packages', 'conformance-fixtures', 'fixtures', 'bert', 'model.onnx');

await inProductionBuild(join(root, 'tooling', 'bundle'), { 'model.onnx': model }, async (page, output) => {
  assert.deepEqual(await page.evaluate(() => globalThis.page.availableDevices()), ['webgpu', 'wasm']);
  const here = await page.evaluate(() => globalThis.page.train('wasm'));
  assert.ok(here[0] > here[1] && here[1] > here[2], `losses should fall: ${here}`);
  assert.deepEqual(await page.evaluate(() => globalThis.page.trainInWorker('wasm')), here);
  const there = await page.evaluate(() => globalThis.page.trainInWorker('webgpu'));
  for (const [i, loss] of there.entries())
    assert.ok(Math.abs(loss - here[i]) < 1e-5, `WebGPU in the worker: ${there}, WASM: ${here}`);
  console.log(
    `a production build trains in the page and in the worker: losses ${here.map((loss) => loss.toFixed(4)).join(', ')}`,
  );
  const assets = readdirSync(join(output, 'assets')).filter((name) => name.endsWith('.js') && !name.startsWith('ort.'));
  for (const name of assets.filter((each) => /^(index|worker)/.test(each))) {
    const bytes = readFileSync(join(output, 'assets', name));
    console.log(
      `${name.replace(/-[\w-]+\.js$/, '.js')}: ${(bytes.length / 1024).toFixed(0)} KB, ${(gzipSync(bytes).length / 1024).toFixed(0)} KB gzip, without ONNX Runtime`,
    );
  }
});
