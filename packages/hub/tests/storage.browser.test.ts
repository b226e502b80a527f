import type { Files } from '@hadamard-adapter/core';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { failure } from '../../onnxruntime/tests/support/failure.js';
import { browserStorage } from '../src/storage/address.js';
import type { Storage } from '../src/storage/storage.js';

const NAMES = ['config.json', 'tensors', 'README.md'] as const;
const [CONFIG, TENSORS, CARD] = NAMES;

const storageAt = (address: string): Storage => browserStorage(address) as Storage;
const read = (address: string): Promise<Files> => storageAt(address).read(NAMES);
const write = (address: string, files: Files): Promise<void> => storageAt(address).write(files);
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

  it('keeps files under their name', async () => {
    expect(await read(at)).toEqual({});
    expect(await storageAt(at).names()).toEqual([]);
    await write(at, folder(7));
    expect(await read(at)).toEqual(folder(7));
    expect(await read(`${at}/`)).toEqual(folder(7));
    expect(await storageAt(at).names()).toEqual([CARD, CONFIG, TENSORS]);
    const other = at.replace('first', 'other');
    await write(other, folder(8));
    expect(await read(at)).toEqual(folder(7));
    expect(await read(other)).toEqual(folder(8));
  });

  it('replaces earlier ones and leaves the others', async () => {
    await write(at, { ...folder(7), [TENSORS]: new Uint8Array(1000) });
    await write(at, { [TENSORS]: Uint8Array.of(8) });
    expect(await read(at)).toEqual({ ...folder(7), [TENSORS]: Uint8Array.of(8) });
  });

  it('keeps the bytes of a view and not those around it', async () => {
    const around = new Uint8Array(1 << 20);
    await write(at, {
      ...folder(7),
      [TENSORS]: around.subarray(10, 14),
      [CARD]: new Uint8Array(new SharedArrayBuffer(8), 4, 2),
    });
    const found = await read(at);
    expect(found[TENSORS]).toEqual(new Uint8Array(4));
    expect(found[TENSORS]?.buffer.byteLength).toBe(4);
    expect(found[CARD]).toEqual(new Uint8Array(2));
  });

  it('forgets its files', async () => {
    await write(at, folder(7));
    await write(`${at}/inner`, folder(8));
    for (let times = 0; times < 2; times++) await storageAt(at).remove();
    expect(await read(at)).toEqual({});
    expect(await read(`${at}/inner`)).toEqual(folder(8));
    await storageAt(`${at}/inner`).remove();
  });

  it('tells what is stored beside it', async () => {
    await write(at, folder(7));
    const beside = await storageAt(at.replace('first', 'second')).beside?.();
    expect(beside?.some((each) => each.endsWith('first'))).toBe(true);
  });

  it('wants a name', () => {
    for (const address of [`${scheme}://`, `${scheme}:///`])
      expect(() => browserStorage(address)).toThrow(
        expect.objectContaining({ code: 'ADAPTER_SOURCE', expected: `${scheme}://my-adapter` }),
      );
  });

  it('says that it is not there', async () => {
    if (scheme === 'opfs') vi.spyOn(navigator, 'storage', 'get').mockReturnValue({} as StorageManager);
    else vi.spyOn(globalThis, 'indexedDB', 'get').mockReturnValue(undefined as unknown as IDBFactory);
    for (const action of [read(at), write(at, folder(7))])
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
    await write(at, folder(7));
    vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(full);
    const error = await failure(write(at, folder(8)));
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
        expect(await failure(write(at, folder(8)))).toMatchObject({
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
      await write(at, folder(7));
      await fails();
      expect(await read(at)).toEqual(folder(7));
      expect((await names()).length).toBe(3);
      await (await root()).removeEntry(directory.name, { recursive: true });
    },
  );
});

describe('OPFS', () => {
  it('has no file where a page was closed while it wrote one', async () => {
    const at = `opfs://${name()}`;
    const directory = await (await root()).getDirectoryHandle(at.slice('opfs://'.length), { create: true });
    await directory.getFileHandle(CONFIG, { create: true });
    expect(await read(at)).toEqual({});
    await (await root()).removeEntry(directory.name, { recursive: true });
  });

  it('is written from workers by browsers that let no page write', async () => {
    const at = `opfs://${name()}`;
    await write(at, folder(7));
    const worker = new Worker(new URL('./support/opfs.worker.ts', import.meta.url), { type: 'module' });
    const answer = new Promise<string>((resolve, reject) => {
      worker.addEventListener('message', ({ data }: MessageEvent<string>) => resolve(data));
      worker.addEventListener('error', ({ message }) => reject(new Error(message)));
    });
    worker.postMessage([at, folder(8)], []);
    expect(await answer).toBe('written');
    worker.terminate();
    expect(await read(at)).toEqual(folder(8));
    await storageAt(at).remove();
  });

  it('is told where it cannot be written', async () => {
    const at = `opfs://${name()}`;
    const handles: Partial<FileSystemFileHandle> = FileSystemFileHandle.prototype;
    const { createWritable } = handles;
    delete handles.createWritable;
    const error = await failure(write(at, folder(7))).finally(() => Object.assign(handles, { createWritable }));
    expect(error).toMatchObject({ code: 'ADAPTER_SOURCE', found: 'files that a page cannot write' });
    await storageAt(at).remove();
  });

  it('cannot make a directory where a file is', async () => {
    const taken = name();
    await (await root()).getFileHandle(taken, { create: true });
    expect(await failure(write(`opfs://${taken}`, folder(7)))).toMatchObject({ code: 'ADAPTER_SOURCE' });
    await (await root()).removeEntry(taken);
  });
});
