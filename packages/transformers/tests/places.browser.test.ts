import type { Files } from '@hadamard-adapter/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { failure } from '../../onnxruntime/tests/support/failure.js';
import { readAdapterFiles, writeAdapterFiles } from '../src/adapter-files.js';
import type { LibraryEnv } from '../src/library.js';

const CONFIG = 'adapter_config.json';
const TENSORS = 'adapter_model.safetensors';
const CARD = 'README.md';

/** What is no hub is never asked of one. */
const read = (source: string): Promise<Files> => readAdapterFiles({} as LibraryEnv, source, {});
const folder = (byte: number): Files => ({
  [CONFIG]: Uint8Array.of(byte, 1),
  [TENSORS]: Uint8Array.of(byte, 2, 3),
  [CARD]: Uint8Array.of(byte),
});
const root = (): Promise<FileSystemDirectoryHandle> => navigator.storage.getDirectory();

/** Every name is used once: what one run leaves must not help the next. */
const name = (): string => `test-${crypto.randomUUID()}`;

describe.each(['indexeddb', 'opfs'])('%s', (scheme) => {
  let at: string;
  beforeEach(() => {
    at = `${scheme}://${name()}/first`;
  });
  afterEach(async () => {
    vi.restoreAllMocks();
    if (scheme === 'opfs')
      await (await root()).removeEntry(at.split('/')[2] as string, { recursive: true }).catch(() => undefined);
  });

  it('keeps an adapter folder under its name', async () => {
    await writeAdapterFiles(at, folder(7));
    expect(await read(at)).toEqual(folder(7));
    expect(await read(`${at}/`)).toEqual(folder(7));
    const other = at.replace('first', 'other');
    await writeAdapterFiles(other, folder(8));
    expect(await read(at)).toEqual(folder(7));
    expect(await read(other)).toEqual(folder(8));
  });

  it('replaces an earlier one', async () => {
    await writeAdapterFiles(at, { ...folder(7), [TENSORS]: new Uint8Array(1000) });
    await writeAdapterFiles(at, folder(8));
    expect(await read(at)).toEqual(folder(8));
  });

  it('keeps the bytes of a view and not those around it', async () => {
    const around = new Uint8Array(1 << 20);
    await writeAdapterFiles(at, {
      ...folder(7),
      [TENSORS]: around.subarray(10, 14),
      [CARD]: new Uint8Array(new SharedArrayBuffer(8), 4, 2),
    });
    const found = await read(at);
    expect(found[TENSORS]).toEqual(new Uint8Array(4));
    expect(found[TENSORS]?.buffer.byteLength).toBe(4);
    expect(found[CARD]).toEqual(new Uint8Array(2));
  });

  it('says what is not there, and what is', async () => {
    await writeAdapterFiles(at, folder(7));
    const error = await failure(read(at.replace('first', 'second')));
    expect(error).toMatchObject({ name: 'ConfigError', code: 'ADAPTER_SOURCE' });
    expect(error.message).toContain('second');
    expect(error.message).toContain('first');
  });

  it('wants a name', async () => {
    for (const action of [read(`${scheme}://`), writeAdapterFiles(`${scheme}:///`, folder(7))])
      expect(await failure(action)).toMatchObject({ code: 'ADAPTER_SOURCE', expected: `${scheme}://my-adapter` });
  });

  it('says that it is not there', async () => {
    if (scheme === 'opfs') vi.spyOn(navigator, 'storage', 'get').mockReturnValue({} as StorageManager);
    else vi.spyOn(globalThis, 'indexedDB', 'get').mockReturnValue(undefined as unknown as IDBFactory);
    for (const action of [read(at), writeAdapterFiles(at, folder(7))])
      expect(await failure(action)).toMatchObject({
        code: 'ADAPTER_SOURCE',
        hint: expect.stringContaining('browsers'),
      });
  });
});

describe('a disk that is full', () => {
  const full = (): never => {
    throw new DOMException('no space', 'QuotaExceededError');
  };
  afterEach(() => vi.restoreAllMocks());

  it('leaves what IndexedDB had', async () => {
    const at = `indexeddb://${name()}`;
    await writeAdapterFiles(at, folder(7));
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(full);
    const error = await failure(writeAdapterFiles(at, folder(8)));
    expect(error).toMatchObject({ name: 'RuntimeError', code: 'ADAPTER_WRITE', found: 'QuotaExceededError: no space' });
    vi.restoreAllMocks();
    expect(await read(at)).toEqual(folder(7));
  });

  it.each(['write', 'close'] as const)(
    'leaves what OPFS had, and no file where nothing was, when it shows at the second %s',
    async (method) => {
      const at = `opfs://${name()}`;
      const directory = await (await root()).getDirectoryHandle(at.slice('opfs://'.length), { create: true });
      const fails = async (): Promise<void> => {
        const original = FileSystemWritableFileStream.prototype[method] as (...given: unknown[]) => Promise<void>;
        let calls = 0;
        const spy = vi.spyOn(FileSystemWritableFileStream.prototype, method).mockImplementation(function (
          this: FileSystemWritableFileStream,
          ...given: unknown[]
        ) {
          return ++calls === 2
            ? Promise.reject(new DOMException('no space', 'QuotaExceededError'))
            : original.apply(this, given);
        });
        expect(await failure(writeAdapterFiles(at, folder(8)))).toMatchObject({
          code: 'ADAPTER_WRITE',
          found: 'QuotaExceededError: no space',
        });
        spy.mockRestore();
      };
      const names = async (): Promise<string[]> => {
        const found: string[] = [];
        for await (const each of directory.keys()) found.push(each);
        return found;
      };
      await fails();
      expect(await names()).toEqual([]);
      await writeAdapterFiles(at, folder(7));
      await fails();
      expect(await read(at)).toEqual(folder(7));
      expect((await names()).length).toBe(3);
      await (await root()).removeEntry(directory.name, { recursive: true });
    },
  );
});

describe('a page that was closed while it saved', () => {
  it('leaves no adapter, and not a broken one', async () => {
    const at = `opfs://${name()}`;
    const directory = await (await root()).getDirectoryHandle(at.slice('opfs://'.length), { create: true });
    await directory.getFileHandle(CONFIG, { create: true });
    expect(await failure(read(at))).toMatchObject({ code: 'ADAPTER_SOURCE', found: `no ${CONFIG}` });
    await (await root()).removeEntry(directory.name, { recursive: true });
  });

  it('cannot make a directory where a file is', async () => {
    const taken = name();
    await (await root()).getFileHandle(taken, { create: true });
    expect(await failure(writeAdapterFiles(`opfs://${taken}`, folder(7)))).toMatchObject({ code: 'ADAPTER_SOURCE' });
    await (await root()).removeEntry(taken);
  });
});
