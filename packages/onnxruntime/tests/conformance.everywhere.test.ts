/// <reference types="vite/client" />
import { runSuite, readFixture, type SuiteReport } from '@hadamard-adapter/conformance';
import { describe, expect, it } from 'vitest';
import { conformanceDriver, nodePlatform, webPlatform } from '../src/conformance.js';

const inBrowser = 'document' in globalThis;
const platform = inBrowser ? webPlatform : nodePlatform;
const urls = import.meta.glob<string>('../../conformance/fixtures/*/*', { query: '?url', import: 'default' });
const files = Object.keys(urls);
const families = [...new Set(files.map((path) => path.split('/').at(-2) as string))].toSorted();

async function read(family: string, file: string): Promise<Uint8Array | undefined> {
  const path = files.find((each) => each.endsWith(`/${family}/${file}`));
  if (path === undefined) return undefined;
  if (inBrowser) return new Uint8Array(await (await fetch((await urls[path]?.()) ?? '')).arrayBuffer());
  const { readFile } = await import('node:fs/promises');
  return new Uint8Array(await readFile(new URL(path, import.meta.url)));
}

async function run(device: string, family: string, variant: string, key?: string): Promise<SuiteReport> {
  const fixture = await readFixture(family, [variant], (file) => read(family, file));
  return runSuite(conformanceDriver(platform, device, { onNotice: () => undefined }), [fixture], { variants: [variant], ...(key === undefined ? {} : { key }) });
}

describe.each(inBrowser ? ['wasm'] : ['cpu'])('the conformance suite on %s', (device) => {
  it.each(families)('%s', async (family) => {
    const { failures, passed } = await run(device, family, 'model.onnx');
    expect(failures).toEqual([]);
    expect(passed).toBeGreaterThan(0);
  });
});

/** Shaders are compiled in software, seconds for every graph: one site of each family; of one family also what must hold of any adapter, and the recorded run of two stages. */
const onWebGpu = (): void => {
  it.each(families)('%s', async (family) => {
    for (const key of family === 'bert' ? ['*/bert/model.onnx/context', '*/bert/model.onnx/context/*', 'schedule/*'] : ['*/context/*']) {
      const { failures, passed } = await run('webgpu', family, 'model.onnx', key);
      expect(failures).toEqual([]);
      expect(passed).toBeGreaterThan(0);
    }
  });
};
// In Node `npm test` runs it from the command line, where it can be told which driver to take.
if (inBrowser) describe('the conformance suite on webgpu', onWebGpu);
