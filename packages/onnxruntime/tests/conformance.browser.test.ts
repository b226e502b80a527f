/// <reference types="vite/client" />
import { runSuite, readFixture, type SuiteReport } from '@hadamard-adapter/conformance';
import { describe, expect, it } from 'vitest';
import { conformanceDriver, webPlatform } from '../src/conformance.js';

const urls = import.meta.glob<string>('../../conformance/fixtures/*/*', { query: '?url', import: 'default' });
const files = Object.keys(urls);
const families = [...new Set(files.map((path) => path.split('/').at(-2) as string))].toSorted();

async function read(family: string, file: string): Promise<Uint8Array | undefined> {
  const path = files.find((each) => each.endsWith(`/${family}/${file}`));
  return path === undefined ? undefined : new Uint8Array(await (await fetch((await urls[path]?.()) ?? '')).arrayBuffer());
}

async function run(device: string, family: string, variant: string, key?: string): Promise<SuiteReport> {
  const fixture = await readFixture(family, [variant], (file) => read(family, file));
  return runSuite(conformanceDriver(webPlatform, device, { onNotice: () => undefined }), [fixture], { variants: [variant], ...(key === undefined ? {} : { key }) });
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
