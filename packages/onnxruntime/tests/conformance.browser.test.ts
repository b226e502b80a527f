import { runSuite, type SuiteReport } from '@hadamard-adapter/conformance';
import { describe, expect, it } from 'vitest';
import { families, fetchFixture } from '../../conformance/tests/support/in-browser.js';
import { conformanceDriver, webPlatform } from '../src/conformance.js';

async function run(device: string, family: string, variant: string, key?: string): Promise<SuiteReport> {
  return runSuite(conformanceDriver(webPlatform, device, { onNotice: () => undefined }), [await fetchFixture(family, variant)], { variants: [variant], ...(key === undefined ? {} : { key }) });
}

describe('the conformance suite on wasm', () => {
  it.each(families)('%s', async (family) => {
    const { failures, passed } = await run('wasm', family, 'model.onnx');
    expect(failures).toEqual([]);
    expect(passed).toBeGreaterThan(0);
  });
});

/** Shaders are compiled in software, seconds for every graph: one site of each family; of one family also what must hold of any adapter, and the recorded run of two stages. */
describe('the conformance suite on webgpu', () => {
  it.each(families)('%s', async (family) => {
    for (const key of family === 'bert' ? ['*/bert/model.onnx/context', '*/bert/model.onnx/context/*', 'schedule/*'] : ['*/context/*']) {
      const { failures, passed } = await run('webgpu', family, 'model.onnx', key);
      expect(failures).toEqual([]);
      expect(passed).toBeGreaterThan(0);
    }
  });
});
