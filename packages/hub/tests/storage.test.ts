import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { failure } from '../../onnxruntime/tests/support/failure.js';
import { browserStorage } from '../src/storage/address.js';
import { folderStorage } from '../src/storage/folder.js';
import { memoryStorage } from '../src/storage/memory.js';

const root = mkdtempSync(join(tmpdir(), 'hadamard-storage-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let folders = 0;
const drivers = [
  ['a folder', () => folderStorage(join(root, 'made', String(++folders)))],
  ['memory', () => memoryStorage()],
] as const;

describe.each(drivers)('%s', (_, open) => {
  it('keeps files under their names', async () => {
    const storage = open();
    expect(await storage.read(['a', 'b'])).toEqual({});
    expect(await storage.names()).toEqual([]);
    await storage.write({ b: Uint8Array.of(1, 2), a: new Uint8Array() });
    expect(await storage.names()).toEqual(['a', 'b']);
    expect(await storage.read(['b', 'c'])).toEqual({ b: Uint8Array.of(1, 2) });
  });

  it('replaces files and leaves the others', async () => {
    const storage = open();
    await storage.write({ a: Uint8Array.of(1, 2, 3), b: Uint8Array.of(4) });
    await storage.write({ a: Uint8Array.of(5) });
    expect(await storage.read(['a', 'b'])).toEqual({ a: Uint8Array.of(5), b: Uint8Array.of(4) });
  });

  it('forgets its files', async () => {
    const storage = open();
    await storage.write({ a: Uint8Array.of(1) });
    await storage.remove();
    await storage.remove();
    expect(await storage.names()).toEqual([]);
  });

  it('has bytes of its own', async () => {
    const storage = open();
    const bytes = Uint8Array.of(1);
    await storage.write({ a: bytes });
    bytes[0] = 2;
    const [first, second] = [await storage.read(['a']), await storage.read(['a'])];
    (first['a'] as Uint8Array)[0] = 3;
    expect(second).toEqual({ a: Uint8Array.of(1) });
  });
});

describe('a folder', () => {
  it('tells what is beside it', async () => {
    await folderStorage(join(root, 'shelf', 'one')).write({ a: Uint8Array.of(1) });
    expect(await folderStorage(join(root, 'shelf', 'two')).beside?.()).toEqual(['one']);
  });

  it('goes with its files, and stays where something else is in it', async () => {
    const [outer, inner] = [folderStorage(join(root, 'outer')), folderStorage(join(root, 'outer', 'inner'))];
    await inner.write({ a: Uint8Array.of(1) });
    await outer.write({ b: Uint8Array.of(2) });
    await outer.remove();
    expect(await inner.names()).toEqual(['a']);
    await inner.remove();
    await outer.remove();
    expect(readdirSync(root)).not.toContain('outer');
  });

  it('that takes not all files takes none, and leaves nothing lying about', async () => {
    const path = join(root, 'half');
    const storage = folderStorage(path);
    await storage.write({ a: Uint8Array.of(1) });
    writeFileSync(join(path, 'taken'), '');
    const error = await failure(storage.write({ a: Uint8Array.of(2), 'taken/b': Uint8Array.of(3) }));
    expect(error).toMatchObject({ name: 'RuntimeError', code: 'ADAPTER_WRITE' });
    expect(await storage.read(['a'])).toEqual({ a: Uint8Array.of(1) });
    expect(readdirSync(path).toSorted()).toEqual(['a', 'taken']);
  });
});

describe('the storage of an address', () => {
  it.each(['adapters/mine', '/tmp/x', 'https://example.org/x', 'org/name'])('%s is none of the browser', (address) => {
    expect(browserStorage(address)).toBeUndefined();
  });

  it.each([
    ['indexeddb://my-adapter/', 'IndexedDB'],
    ['OPFS://folder/sub', 'OPFS'],
  ])('%s is not there outside of browsers, and says where it would be', async (address, kind) => {
    const storage = browserStorage(address);
    for (const action of [storage?.read(['a']), storage?.write({ a: Uint8Array.of(1) }), storage?.names()]) {
      const error = await failure(action as Promise<unknown>);
      expect(error).toMatchObject({ name: 'ConfigError', code: 'ADAPTER_SOURCE' });
      expect(error.message).toContain(storage?.address);
      expect(error.found).toContain(kind);
      expect(error.hint).toContain('path');
    }
  });
});
