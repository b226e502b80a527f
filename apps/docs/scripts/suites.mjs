// Where the conformance suite runs: by `hadamard verify`, and in tests of the packages for devices of browsers. The
// page "Conformance" shows all of it.

/**
 * Runs of `hadamard verify`, every runtime and device it knows.
 *
 * @typedef {{ runtime: string; device: string; filter?: string[]; selection: string; vulkan?: boolean }} VerifyRun
 *   `selection` says in words what `filter` leaves.
 */

const EVERY = 'every case of every form';
const DISTINCT = ['model', 'model.optimized', 'model.int8', 'model.fp16', 'model.safetensors'].flatMap((variant) => [
  '--variant',
  variant,
]);
const DISTINCT_IN_WORDS =
  'every case of five forms: as exported, optimized, int8, float16, checkpoint; the others give the same graph';
const ONE_SITE = ['--variant', 'model', '--key', '*/context/*'];

/** @type {VerifyRun[]} */
export const VERIFY_RUNS = [
  { runtime: 'onnxruntime', device: 'cpu', selection: EVERY },
  {
    runtime: 'onnxruntime',
    device: 'webgpu',
    filter: ONE_SITE,
    vulkan: true,
    selection: 'site context of the form as exported: software Vulkan compiles shaders for seconds',
  },
  { runtime: 'onnxruntime', device: 'cuda', selection: EVERY },
  { runtime: 'tfjs', device: 'wasm', selection: EVERY },
  { runtime: 'tfjs', device: 'cpu', selection: EVERY },
  { runtime: 'reference', device: 'cpu', filter: DISTINCT, selection: DISTINCT_IN_WORDS },
  { runtime: 'core', device: 'cpu', selection: 'the math of core alone, no model' },
];

const BERT_MORE = ['*/bert/model.onnx/context', '*/bert/model.onnx/context/*', 'schedule/*'];
const byFamily = (rest) => (family) => (family === 'bert' ? BERT_MORE : [rest]);
/** Families with small graphs, for which transformers.js runs every case at one site. */
const WHOLE = new Set(['bert', 'distilbert', 'electra', 'roberta', 't5-encoder']);

/**
 * Tests that run the same suite in Chromium: `npm run browser`. `keys` answers which cases a family gets there, the
 * patterns that stand in the test file. Its tests are those named `bert` or `bert, …`.
 *
 * @type {{
 *   runtime: string;
 *   device: string;
 *   file: string;
 *   suite: string;
 *   families?: string[];
 *   keys: (family: string) => (string | undefined)[];
 * }[]}
 */
export const BROWSER_SUITES = [
  {
    runtime: 'onnxruntime',
    device: 'wasm',
    file: 'packages/onnxruntime/tests/conformance.browser.test.ts',
    suite: 'the conformance suite on wasm',
    keys: () => [undefined],
  },
  {
    runtime: 'onnxruntime',
    device: 'webgpu',
    file: 'packages/onnxruntime/tests/conformance.browser.test.ts',
    suite: 'the conformance suite on webgpu',
    keys: (family) => ['*/context/*', ...(family === 'bert' ? ['*/context', 'schedule/*'] : [])],
  },
  {
    runtime: 'tfjs',
    device: 'webgpu',
    file: 'packages/tfjs/tests/conformance.browser.test.ts',
    suite: 'the conformance suite on webgpu',
    keys: byFamily('*/context/b4s12'),
  },
  {
    runtime: 'tfjs',
    device: 'webgl',
    file: 'packages/tfjs/tests/conformance.browser.test.ts',
    suite: 'the conformance suite on webgl',
    keys: byFamily('*/context/b4s12'),
  },
  {
    runtime: 'tfjs',
    device: 'wasm',
    file: 'packages/tfjs/tests/conformance.browser.test.ts',
    suite: 'the conformance suite on wasm',
    keys: byFamily('*/context/*'),
  },
  {
    runtime: 'tfjs',
    device: 'cpu',
    file: 'packages/tfjs/tests/conformance.browser.test.ts',
    suite: 'the conformance suite on cpu',
    keys: byFamily('*/context/*'),
  },
  {
    runtime: 'transformers',
    device: 'wasm',
    file: 'packages/transformers/tests/conformance.browser.test.ts',
    suite: 'the conformance suite through transformers.js on wasm',
    keys: (family) => ['logits/*/context*', ...(WHOLE.has(family) ? ['*/context'] : [])],
  },
  {
    runtime: 'transformers',
    device: 'webgpu',
    file: 'packages/transformers/tests/conformance.browser.test.ts',
    suite: 'the conformance suite through transformers.js on webgpu',
    families: ['bert', 'modernbert'],
    keys: () => ['logits/*/context/b4s12'],
  },
];
