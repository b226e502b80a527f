import { runSuite } from '@hadamard-adapter/conformance';
import { describe, expect, it } from 'vitest';
import { families, fetchFixture } from '../../conformance/tests/support/in-browser.js';
import { conformanceDriver, webPlatform } from '../src/conformance.js';

/** All but the one that is run as a whole. */
const others = families.filter((family) => family !== 'bert');

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
  it.each(others)('%s', (family) => conforms('wasm', family, '*/context/*'));
  it('bert, all of it', () => conforms('wasm', 'bert'));
  it.each(others)('%s, all of it', { tags: ['all'] }, (family) => conforms('wasm', family));
});

/**
 * Shaders are compiled in software, seconds for every graph: of each family the one that trains, at one site and size;
 * of one family also those that predict, and the recorded run of two stages.
 */
describe('the conformance suite on webgpu', () => {
  it.each(others)('%s', (family) => conforms('webgpu', family, 'gradient/*/context/b4s12'));
  it('bert, states and logits too', () => conforms('webgpu', 'bert', '*/context/*'));
  it('bert, two stages', () => conforms('webgpu', 'bert', 'schedule/*'));
  it.each(others)('%s, states and logits too', { tags: ['all'] }, (family) =>
    conforms('webgpu', family, '*/context/*'),
  );
  it('bert, what must hold of any adapter', { tags: ['all'] }, () => conforms('webgpu', 'bert', '*/context'));
});
