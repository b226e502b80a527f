import { ConfigError, type Files } from '@hadamard-adapter/core';
import { ADAPTER_CARD_FILE, ADAPTER_CONFIG_FILE, ADAPTER_TENSORS_FILE } from '@hadamard-adapter/core/folder';
import { noStorage, notSaved } from './errors.js';

/**
 * An adapter folder out of a directory of the browser.
 *
 * @throws ConfigError ADAPTER_SOURCE.
 */
export async function readDirectory(directory: FileSystemDirectoryHandle): Promise<Files> {
  const files: Record<string, Uint8Array> = {};
  for (const name of [ADAPTER_CONFIG_FILE, ADAPTER_TENSORS_FILE, ADAPTER_CARD_FILE]) {
    const bytes = await bytesIn(directory, name);
    if (bytes !== undefined) files[name] = bytes;
    else if (name !== ADAPTER_CARD_FILE) {
      throw new ConfigError(`The directory "${directory.name}" holds no adapter`, {
        code: 'ADAPTER_SOURCE',
        found: `no ${name}`,
        expected: 'what save_pretrained wrote',
      });
    }
  }
  return files;
}

/** Undefined also for an empty file: it is what a page leaves that is closed while it writes a new one. */
async function bytesIn(directory: FileSystemDirectoryHandle, name: string): Promise<Uint8Array | undefined> {
  const handle = await directory.getFileHandle(name).catch(() => undefined);
  const file = await handle?.getFile();
  return file === undefined || file.size === 0 ? undefined : new Uint8Array(await file.arrayBuffer());
}

/**
 * Write an adapter folder into a directory of the browser. What is written replaces a file only when its stream is
 * closed, and none is closed before all are written; where one fails all the same, the files are made again what they
 * were.
 *
 * @throws RuntimeError ADAPTER_WRITE; ConfigError ADAPTER_SOURCE in a browser whose pages cannot write.
 */
export async function writeDirectory(directory: FileSystemDirectoryHandle, files: Files): Promise<void> {
  const before = new Map<string, Uint8Array | undefined>();
  for (const name of Object.keys(files)) before.set(name, await bytesIn(directory, name));
  const streams = new Map<string, FileSystemWritableFileStream>();
  try {
    for (const [name, bytes] of Object.entries(files)) {
      const stream = await openFile(directory, name);
      streams.set(name, stream);
      // A copy, because files take nothing from memory that threads share.
      await stream.write(bytes.slice());
    }
    for (const stream of streams.values()) await stream.close();
  } catch (cause) {
    // Those that are closed refuse, and are what has to be undone.
    await Promise.allSettled([...streams.values()].map((stream) => stream.abort()));
    await Promise.allSettled(
      [...before].map(([name, bytes]) =>
        bytes === undefined ? directory.removeEntry(name) : rewrite(directory, name, bytes),
      ),
    );
    if (cause instanceof ConfigError) throw cause;
    throw notSaved(`in the directory "${directory.name}"`, cause);
  }
}

async function openFile(directory: FileSystemDirectoryHandle, name: string): Promise<FileSystemWritableFileStream> {
  const handle = await directory.getFileHandle(name, { create: true });
  // Older versions of Safari write from workers only.
  if (typeof handle.createWritable !== 'function')
    throw noStorage(
      `the directory "${directory.name}"`,
      'files that a page cannot write',
      "Save to 'indexeddb://…' instead.",
    );
  return handle.createWritable();
}

async function rewrite(directory: FileSystemDirectoryHandle, name: string, bytes: Uint8Array): Promise<void> {
  const found = await bytesIn(directory, name);
  if (found?.length === bytes.length && found.every((byte, i) => byte === bytes[i])) return;
  const stream = await openFile(directory, name);
  await stream.write(bytes as Uint8Array<ArrayBuffer>);
  await stream.close();
}
