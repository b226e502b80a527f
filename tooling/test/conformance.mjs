import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureChromium, vulkanOf } from '../chromium.mjs';
import { root, run } from '../lib.mjs';

const PACKAGED = join('packages', 'conformance-fixtures', 'fixtures');

/** Forms of a model that differ only before they are canonical give the same graph. */
const DISTINCT = ['model', 'model.optimized', 'model.int8', 'model.fp16', 'model.safetensors'];

/**
 * The suite on every runtime and device of Node. In npm test each computes every family once: one file, one site; and
 * BERT as a whole where that is fast. `all`: every file, both sites, every case, as far as a device is not only another
 * place for the same graph.
 */
export function conformanceSteps({ all, report }) {
  const context = { keys: ['*/context/*'] };
  const step = (name, parts, rest = {}) => ({
    name: `conformance (${name})`,
    command: verify(parts),
    count: (output, title) => report.countCases(output, title),
    ...rest,
  });
  const webgpu = { env: () => vulkanOf(ensureChromium()), unless: noVulkan };
  // Shaders are compiled in software, seconds for each graph: of most families the one that predicts. Those that train
  // are run on the same WebGPU in the browser.
  const onWebgpu = { runtime: 'onnxruntime', device: 'webgpu', variants: ['model'] };
  // The interpreter and the pure JavaScript of TensorFlow.js are slow.
  const tfjsOnCpu = step('TensorFlow.js on CPU', { runtime: 'tfjs', variants: ['model'], ...context });
  const core = step('core', { runtime: 'core' });
  if (all) {
    return [
      step('ONNX Runtime', { runtime: 'onnxruntime' }),
      step('reference', { runtime: 'reference', variants: DISTINCT }),
      step('WebGPU in Node', { ...onWebgpu, ...context }, webgpu),
      step('TensorFlow.js on WASM', { runtime: 'tfjs', device: 'wasm', variants: DISTINCT }),
      tfjsOnCpu,
      core,
      ...sharedSteps(step),
    ];
  }
  report.leave('conformance', 'files of other families than model.onnx, cases that hold of any adapter but on BERT');
  report.leave('conformance (WebGPU in Node)', 'states, losses and gradients of other families than BERT');
  return [
    step('ONNX Runtime', { runtime: 'onnxruntime', variants: ['model'] }),
    step('ONNX Runtime, every form of BERT', { runtime: 'onnxruntime', families: ['bert'], ...context }),
    step('WebGPU in Node', { ...onWebgpu, keys: ['logits/*/context/*'] }, webgpu),
    step('WebGPU in Node, BERT', { ...onWebgpu, families: ['bert'], ...context }, webgpu),
    step('reference', { runtime: 'reference', variants: ['model'], ...context }),
    step('reference, BERT', { runtime: 'reference', families: ['bert'], variants: ['model'] }),
    step('TensorFlow.js on WASM', { runtime: 'tfjs', device: 'wasm', variants: ['model'], ...context }),
    step('TensorFlow.js on WASM, BERT', { runtime: 'tfjs', device: 'wasm', families: ['bert'], variants: ['model'] }),
    tfjsOnCpu,
    core,
  ];
}

/** The command line's suite. Absent: all families, all variants, all cases. */
function verify({ runtime, device = 'cpu', fixtures = PACKAGED, families = [], variants = [], keys = [] }) {
  const each = (flag, values) => values.flatMap((value) => [flag, value]);
  return [
    process.execPath,
    [
      join('packages', 'cli', 'dist', 'bin.js'),
      'verify',
      ...each('--fixtures', [fixtures]),
      ...each('--runtime', [runtime]),
      ...each('--device', [device]),
      ...each('--family', families),
      ...each('--variant', variants),
      ...each('--key', keys),
      '--json',
    ],
  ];
}

/** Why WebGPU cannot be tested in Node here; undefined when it can. */
async function noVulkan() {
  const script =
    "const { probeDevices } = await import('./packages/onnxruntime/dist/index.js'); " +
    "console.log(JSON.stringify((await probeDevices()).find(({ device }) => device === 'webgpu')));";
  const { output } = await run(process.execPath, ['--input-type=module', '-e', script], {
    env: vulkanOf(ensureChromium()),
  });
  const { available, reason } = JSON.parse(
    output.split('\n').findLast((line) => line.startsWith('{')) ??
      '{"available":false,"reason":"the probe did not answer"}',
  );
  return available ? undefined : reason;
}

/** The same suite on other fixtures, where there are any. */
function sharedSteps(step) {
  const folder = join('..', 'shared', 'fixtures');
  const reason = !existsSync(join(root, folder))
    ? 'no ../shared/fixtures'
    : isPackaged(join(root, folder))
      ? 'every file of ../shared/fixtures is packaged, and was run'
      : undefined;
  return [step('shared fixtures', { runtime: 'onnxruntime', fixtures: folder }, { unless: () => reason })];
}

/** Whether the packaged fixtures have every model and every golden value of `folder`. */
function isPackaged(folder) {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(onnx|safetensors|json)$/.test(name),
  );
  return files.every((name) => {
    const own = join(root, PACKAGED, name);
    return existsSync(own) && readFileSync(own).equals(readFileSync(join(folder, name)));
  });
}
