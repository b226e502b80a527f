#!/usr/bin/env node
// npm run bench:browser: a training step on WASM against TensorFlow.js's WASM backend, and memory over many steps of
// changing shapes, in headless Chromium. With --tfjs webgpu, webgl, wasm or cpu: our package for TensorFlow.js against
// a BERT written by hand, on that backend.
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright';
import { createServer } from 'vite';
import { CHROMIUM_FLAGS, ensureChromium } from './chromium.mjs';
import { root } from './lib.mjs';

const SIZES = {
  'L2-H128': { layers: 2, hidden: 128, heads: 2, intermediate: 512, vocab: 30522, positions: 512 },
  'L6-H384': { layers: 6, hidden: 384, heads: 12, intermediate: 1536, vocab: 30522, positions: 512 },
};

const { values } = parseArgs({
  options: {
    model: { type: 'string', default: 'L6-H384' },
    batch: { type: 'string', default: '8' },
    sequence: { type: 'string', default: '128' },
    rounds: { type: 'string', default: '3' },
    steps: { type: 'string', default: '500' },
    device: { type: 'string', default: 'wasm' },
    threads: { type: 'string', default: String(Math.min(2, availableParallelism())) },
    tfjs: { type: 'string' },
    json: { type: 'boolean', default: false },
  },
});
const sizes = SIZES[values.model];
if (sizes === undefined)
  throw new Error(`There is no size ${values.model}; there are ${Object.keys(SIZES).join(', ')}.`);

const source = (path) => join(root, 'packages', path);
const server = await createServer({
  configFile: false,
  root: join(root, 'tooling', 'browser-bench'),
  logLevel: 'error',
  cacheDir: join(root, 'node_modules', '.vite-bench'),
  resolve: {
    alias: readdirSync(join(root, 'packages')).flatMap((name) => [
      { find: new RegExp(`^@hadamard-adapter/${name}$`), replacement: source(`${name}/src/index.ts`) },
      { find: new RegExp(`^@hadamard-adapter/${name}/([a-z-]+)$`), replacement: source(`${name}/src/$1.ts`) },
    ]),
  },
  server: {
    port: 0,
    fs: { allow: [root] },
    headers: { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' },
  },
  optimizeDeps: {
    include: [
      '@tensorflow/tfjs-core',
      '@tensorflow/tfjs-core/dist/register_all_gradients',
      '@tensorflow/tfjs-backend-wasm',
      '@tensorflow/tfjs-backend-webgl',
      '@tensorflow/tfjs-backend-webgpu',
    ],
    entries: ['page.ts'],
    exclude: ['onnxruntime-web', 'onnxruntime-web/wasm', 'onnxruntime-web/webgpu'],
  },
});
await server.listen();
const browser = await chromium.launch({
  executablePath: ensureChromium(),
  chromiumSandbox: false,
  args: CHROMIUM_FLAGS,
});
try {
  await measure();
} finally {
  await browser.close();
  await server.close();
}

async function measure() {
  const page = await browser.newPage();
  page.on('pageerror', (error) => console.error(error.message));
  await page.goto(server.resolvedUrls.local[0]);
  await page.waitForFunction(() => globalThis.bench !== undefined, undefined, { timeout: 120_000 });
  const number = (name) => Number(values[name]);
  if (values.tfjs !== undefined) {
    const options = {
      backend: values.tfjs,
      batch: number('batch'),
      sequence: number('sequence'),
      rounds: number('rounds'),
      threads: number('threads'),
    };
    const { tfjs, byHand } = await page.evaluate(
      ([shape, given]) => globalThis.bench.compareTfjs(shape, given),
      [sizes, options],
    );
    const report = {
      model: values.model,
      ...options,
      stepMs: tfjs.stepMs,
      byHandMs: byHand.stepMs,
      ratio: tfjs.stepMs / byHand.stepMs,
      lossDifference: Math.max(...tfjs.losses.map((loss, i) => Math.abs(loss - byHand.losses[i]))),
    };
    if (values.json) console.log(JSON.stringify(report));
    else
      console.log(
        `${report.model}, batch ${report.batch}, ${report.sequence} tokens, TensorFlow.js on ${report.backend}: ` +
          `${report.stepMs.toFixed(0)} ms a step, by hand ${report.byHandMs.toFixed(0)} ms: ` +
          `${report.ratio.toFixed(2)} (losses differ by ${report.lossDifference.toExponential(1)})`,
      );
    return;
  }
  const speed = await page.evaluate(
    ([shape, options]) => globalThis.bench.compare(shape, options),
    [
      sizes,
      { batch: number('batch'), sequence: number('sequence'), rounds: number('rounds'), threads: number('threads') },
    ],
  );
  const memory = await page.evaluate(
    ([shape, options]) => globalThis.bench.endurance(shape, options),
    [SIZES['L2-H128'], { device: values.device, steps: number('steps'), threads: number('threads') }],
  );
  const difference = Math.max(...speed.onnxruntime.losses.map((loss, i) => Math.abs(loss - speed.tfjs.losses[i])));
  const report = {
    model: values.model,
    batch: number('batch'),
    sequence: number('sequence'),
    threads: number('threads'),
    onnxruntimeMs: speed.onnxruntime.stepMs,
    tfjsMs: speed.tfjs.stepMs,
    ratio: speed.tfjs.stepMs / speed.onnxruntime.stepMs,
    lossDifference: difference,
    memory,
  };
  if (values.json) console.log(JSON.stringify(report));
  else {
    console.log(
      `${report.model}, batch ${report.batch}, ${report.sequence} tokens, ${report.threads} threads, WASM: ` +
        `${report.onnxruntimeMs.toFixed(0)} ms a step; TensorFlow.js ${report.tfjsMs.toFixed(0)} ms: ` +
        `${report.ratio.toFixed(1)} times (losses differ by ${difference.toExponential(1)})`,
    );
    console.log(
      `${memory.steps} steps of changing shapes on ${memory.device}: ${memory.mbAfterTenth.toFixed(0)} MB of ` +
        `WebAssembly memory after a tenth of them, ${memory.mbAtEnd.toFixed(0)} MB at the end`,
    );
  }
}
