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

/**
 * Shaders are compiled in software: on GPUs one site and one size of each family; of one family everything at this
 * site, what must hold of any adapter, and the recorded run of two stages.
 */
describe.each(['webgpu', 'webgl', 'wasm', 'cpu'])('the conformance suite on %s', (device) => {
  it.each(families)('%s', async (family) => {
    const some = device === 'webgpu' || device === 'webgl' ? '*/context/b4s12' : '*/context/*';
    for (const key of family === 'bert'
      ? ['*/bert/model.onnx/context', '*/bert/model.onnx/context/*', 'schedule/*']
      : [some]) {
      const { failures, passed } = await run(device, family, key);
      expect(failures).toEqual([]);
      expect(passed).toBeGreaterThan(0);
    }
  });
});
