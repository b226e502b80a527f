import { runSuite } from '@hadamard-adapter/conformance';
import { describe, expect, it } from 'vitest';
import { families, fetchFixture } from '../../conformance/tests/support/in-browser.js';
import { conformanceDriver, webPlatform } from '../src/conformance.js';

async function conforms(device: string, family: string, key?: string): Promise<void> {
  const variants = ['model.onnx'];
  const fixture = await fetchFixture(family, 'model.onnx');
  const { failures, passed } = await runSuite(
    conformanceDriver(webPlatform, device, { onNotice: () => undefined }),
    [fixture],
    key === undefined ? { variants } : { variants, key },
  );
  expect(failures).toEqual([]);
  expect(passed).toBeGreaterThan(0);
}

describe('the conformance suite on wasm', () => {
  it.each(families)('%s', (family) => conforms('wasm', family));
});

/**
 * Shaders are compiled in software, seconds for every graph: one site of each family; of one family also what must hold
 * of any adapter, and the recorded run of two stages.
 */
describe('the conformance suite on webgpu', () => {
  it.each(families)('%s', (family) => conforms('webgpu', family, '*/context/*'));
  it('bert, what must hold of any adapter', () => conforms('webgpu', 'bert', '*/context'));
  it('bert, two stages', () => conforms('webgpu', 'bert', 'schedule/*'));
});
