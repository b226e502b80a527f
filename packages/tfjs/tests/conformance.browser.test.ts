/// <reference types="vite/client" />
import { readFixture, runSuite, type SuiteReport } from '@hadamard-adapter/conformance';
import { describe, expect, it } from 'vitest';
import { conformanceDriver } from '../src/conformance.js';
import { availableDevices } from '../src/index.js';
import { tf } from './support/browser.js';

const urls = import.meta.glob<string>('../../conformance/fixtures/*/*', { query: '?url', import: 'default' });
const files = Object.keys(urls);
const families = [...new Set(files.map((path) => path.split('/').at(-2) as string))].toSorted();

async function read(family: string, file: string): Promise<Uint8Array | undefined> {
  const path = files.find((each) => each.endsWith(`/${family}/${file}`));
  return path === undefined ? undefined : new Uint8Array(await (await fetch((await urls[path]?.()) ?? '')).arrayBuffer());
}

async function run(device: string, family: string, key: string): Promise<SuiteReport> {
  const fixture = await readFixture(family, ['model.onnx'], (file) => read(family, file));
  return runSuite(conformanceDriver(tf, device), [fixture], { variants: ['model.onnx'], key });
}

it('every backend works here, the fastest first', async () => {
  expect(await availableDevices({ tf })).toEqual(['webgpu', 'webgl', 'wasm', 'cpu']);
});

/** Shaders are compiled in software: on GPUs one site and one size of each family; of one family everything at this site, what must hold of any adapter, and the recorded run of two stages. */
describe.each(['webgpu', 'webgl', 'wasm', 'cpu'])('the conformance suite on %s', (device) => {
  it.each(families)('%s', async (family) => {
    const some = device === 'webgpu' || device === 'webgl' ? '*/context/b4s12' : '*/context/*';
    for (const key of family === 'bert' ? ['*/bert/model.onnx/context', '*/bert/model.onnx/context/*', 'schedule/*'] : [some]) {
      const { failures, passed } = await run(device, family, key);
      expect(failures).toEqual([]);
      expect(passed).toBeGreaterThan(0);
    }
  });
});
