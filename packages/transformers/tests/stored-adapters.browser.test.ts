import type { Files } from '@hadamard-adapter/core';
import type { LibraryEnv } from '@hadamard-adapter/hub/internal';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { failure } from '../../onnxruntime/tests/support/failure.js';
import { readAdapterFiles, writeAdapterFiles } from '../src/adapter-files.js';

const CONFIG = 'adapter_config.json';
const TENSORS = 'adapter_model.safetensors';

/** What is no hub is never asked of one. */
const read = (source: string): Promise<Files> => readAdapterFiles({} as LibraryEnv, source, {});
const folder = (byte: number): Files => ({
  [CONFIG]: Uint8Array.of(byte, 1),
  [TENSORS]: Uint8Array.of(byte, 2, 3),
  'README.md': Uint8Array.of(byte),
});

describe.each(['indexeddb', 'opfs'])('adapters at %s://', (scheme) => {
  const parent = `test-${crypto.randomUUID()}`;
  const at = `${scheme}://${parent}/first`;
  beforeAll(() => writeAdapterFiles(at, folder(7)));
  afterAll(async () => {
    if (scheme === 'opfs') await (await navigator.storage.getDirectory()).removeEntry(parent, { recursive: true });
  });

  it('are read as they were written', async () => {
    expect(await read(at)).toEqual(folder(7));
    await writeAdapterFiles(at, folder(8));
    expect(await read(at)).toEqual(folder(8));
  });

  it('that are not there are told with those that are', async () => {
    const error = await failure(read(at.replace('first', 'second')));
    expect(error).toMatchObject({ name: 'ConfigError', code: 'ADAPTER_SOURCE', found: `no ${CONFIG}` });
    expect(error.message).toContain('second');
    expect(error.message).toContain('first');
  });

  it('want a name', async () => {
    for (const action of [read(`${scheme}://`), writeAdapterFiles(`${scheme}:///`, folder(7))])
      expect(await failure(action)).toMatchObject({ code: 'ADAPTER_SOURCE', expected: `${scheme}://my-adapter` });
  });

  it('of which a file is missing are none', async () => {
    const half = at.replace('first', 'half');
    await writeAdapterFiles(half, { [CONFIG]: Uint8Array.of(1) });
    expect(await failure(read(half))).toMatchObject({ code: 'ADAPTER_SOURCE', found: `no ${TENSORS}` });
  });
});
