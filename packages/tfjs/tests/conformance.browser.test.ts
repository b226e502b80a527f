import { runSuite, type SuiteReport } from '@hadamard-adapter/conformance';
import { describe, expect, it } from 'vitest';
import { families, fetchFixture } from '../../conformance/tests/support/in-browser.js';
import { conformanceDriver } from '../src/conformance.js';
import { availableDevices } from '../src/index.js';
import { tf } from './support/browser.js';

async function run(device: string, family: string, key: string): Promise<SuiteReport> {
  return runSuite(conformanceDriver(tf, device), [await fetchFixture(family, 'model.onnx')], {
    variants: ['model.onnx'],
    key,
  });
}

it('every backend works here, the fastest first', async () => {
  expect(await availableDevices({ tf })).toEqual(['webgpu', 'webgl', 'wasm', 'cpu']);
});

const CONTEXT = '*/bert/model.onnx/context/*';
const WHOLE = ['*/bert/model.onnx/context', CONTEXT, 'schedule/*'];

async function conforms(device: string, family: string, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const { failures, passed } = await run(device, family, key);
    expect(failures).toEqual([]);
    expect(passed).toBeGreaterThan(0);
  }
}

/**
 * Shaders are compiled in software: on GPUs one site and one size of each family; of one family everything at this
 * site, what must hold of any adapter, and the recorded run of two stages.
 */
describe.each(['webgpu', 'webgl', 'wasm', 'cpu'])('the conformance suite on %s', (device) => {
  it.each(families.filter((family) => family !== 'bert'))('%s', (family) =>
    conforms(device, family, [device === 'webgpu' || device === 'webgl' ? '*/context/b4s12' : '*/context/*']),
  );
  // WebGPU compiles the slowest.
  if (device === 'webgpu') {
    it('bert', () => conforms(device, 'bert', [CONTEXT]));
    it('bert, all of it', { tags: ['all'] }, () => conforms(device, 'bert', WHOLE));
  } else {
    it('bert, all of it', () => conforms(device, 'bert', WHOLE));
  }
});
