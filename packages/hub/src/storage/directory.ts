import { ConfigError, type Files } from '@hadamard-adapter/core';
import { noStorage, notSaved } from './errors.js';
import type { Storage } from './storage.js';

/**
 * A directory of the browser that a person chose, or one of its private file system. What is written replaces a file
 * only when its stream is closed, and none is closed before all are written; where one fails all the same, the files
 * are made again what they were.
 */
export function directoryStorage(
  directory: FileSystemDirectoryHandle,
  address = `the directory "${directory.name}"`,
): Storage {
  return {
    address,
    async read(names) {
      const files: Record<string, Uint8Array> = {};
      for (const name of names) {
        const bytes = await bytesIn(directory, name);
        if (bytes !== undefined) files[name] = bytes;
      }
      return files;
    },
    write: (files) => write(directory, address, files),
    names: () => namesIn(directory),
    async remove() {
      for (const name of await namesIn(directory)) await directory.removeEntry(name);
    },
  };
}

async function namesIn(directory: FileSystemDirectoryHandle): Promise<string[]> {
  const names: string[] = [];
  for await (const [name, { kind }] of directory.entries()) if (kind === 'file') names.push(name);
  return names.toSorted();
}

/** Undefined also for an empty file: it is what a page leaves that is closed while it writes a new one. */
async function bytesIn(directory: FileSystemDirectoryHandle, name: string): Promise<Uint8Array | undefined> {
  const handle = await directory.getFileHandle(name).catch(() => undefined);
  const file = await handle?.getFile();
  return file === undefined || file.size === 0 ? undefined : new Uint8Array(await file.arrayBuffer());
}

async function write(directory: FileSystemDirectoryHandle, address: string, files: Files): Promise<void> {
  const before = new Map<string, Uint8Array | undefined>();
  for (const name of Object.keys(files)) before.set(name, await bytesIn(directory, name));
  const streams: Writing[] = [];
  try {
    for (const [name, bytes] of Object.entries(files)) {
      const stream = await openFile(directory, address, name);
      streams.push(stream);
      // A copy, because files take nothing from memory that threads share.
      await stream.write(bytes.slice());
    }
    for (const stream of streams) await stream.close();
  } catch (cause) {
    // Those that are closed refuse, and are what has to be undone.
    await Promise.allSettled(streams.map((stream) => stream.abort()));
    await Promise.allSettled(
      [...before].map(([name, bytes]) =>
        bytes === undefined ? directory.removeEntry(name) : rewrite(directory, address, name, bytes),
      ),
    );
    if (cause instanceof ConfigError) throw cause;
    throw notSaved(address, cause);
  }
}

/** A file that is being written: nothing of it shows before it is closed. */
type Writing = Pick<FileSystemWritableFileStream, 'abort' | 'close'> & { write(bytes: Uint8Array): Promise<void> };

async function openFile(directory: FileSystemDirectoryHandle, address: string, name: string): Promise<Writing> {
  const handle: Partial<FileHandle> = await directory.getFileHandle(name, { create: true });
  if (handle.createWritable !== undefined) {
    const stream = await handle.createWritable();
    return {
      // Bytes of a download: no other thread has them.
      write: (bytes) => stream.write(bytes as Uint8Array<ArrayBuffer>),
      close: () => stream.close(),
      abort: () => stream.abort(),
    };
  }
  // Older versions of Safari write from workers only.
  const { createSyncAccessHandle } = handle;
  if (createSyncAccessHandle === undefined)
    throw noStorage(address, 'files that a page cannot write', "Save to 'indexeddb://…' instead, or from a worker.");
  return heldBack(() => createSyncAccessHandle.call(handle));
}

/** What the types of a page do not have, since only workers do. */
interface FileHandle extends FileSystemFileHandle {
  createSyncAccessHandle(): Promise<SyncAccess>;
}

interface SyncAccess {
  truncate(size: number): void;
  write(bytes: Uint8Array, options: { readonly at: number }): number;
  flush(): void;
  close(): void;
}

/** Such a handle writes in place, so it is opened last. */
function heldBack(open: () => Promise<SyncAccess>): Writing {
  let held = new Uint8Array();
  return {
    async write(bytes) {
      held = new Uint8Array(bytes);
    },
    async close() {
      const access = await open();
      try {
        access.truncate(0);
        const written = access.write(held, { at: 0 });
        if (written !== held.byteLength) throw new Error(`${written} of ${held.byteLength} bytes were written`);
        access.flush();
      } finally {
        access.close();
      }
    },
    abort: async () => undefined,
  };
}

async function rewrite(
  directory: FileSystemDirectoryHandle,
  address: string,
  name: string,
  bytes: Uint8Array,
): Promise<void> {
  const found = await bytesIn(directory, name);
  if (found?.length === bytes.length && found.every((byte, i) => byte === bytes[i])) return;
  const stream = await openFile(directory, address, name);
  await stream.write(bytes);
  await stream.close();
}
