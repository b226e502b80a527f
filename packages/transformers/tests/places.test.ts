import { describe, expect, it } from 'vitest';
import { readAdapterFiles, writeAdapterFiles } from '../src/adapter-files.js';
import type { LibraryEnv } from '../src/library.js';
import { failure } from './support.js';

describe.each([
  ['indexeddb://my-adapter', 'IndexedDB'],
  ['opfs://folder/sub', 'OPFS'],
])('%s outside of browsers', (address, storage) => {
  it.each([
    ['read', () => readAdapterFiles({} as LibraryEnv, address, {})],
    ['written', () => writeAdapterFiles(address, { 'adapter_config.json': Uint8Array.of(1) })],
  ])('is not %s, and says where it would be', async (_, action) => {
    const error = await failure(action());
    expect(error).toMatchObject({ name: 'ConfigError', code: 'ADAPTER_SOURCE' });
    expect(error.message).toContain(address);
    expect(error.found).toContain(storage);
    expect(error.hint).toContain('path');
  });
});
