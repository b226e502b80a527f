import { ADAPTER_CARD_FILE, ADAPTER_CONFIG_FILE, ADAPTER_TENSORS_FILE, ConfigError, type Files } from '@hadamard-adapter/core';
import { readHubFile } from './hub/read-file.js';
import type { HubOptions } from './hub/places.js';
import { writeWhole } from './hub/write-file.js';
import type { LibraryEnv } from './library.js';

/** Where an adapter folder is: a hub id, a path, the address of a folder, a directory of the browser (OPFS), or its files. */
export type AdapterSource = string | FileSystemDirectoryHandle | Files;

/** @throws DataError HUB_FILE, HUB_ACCESS; ConfigError ADAPTER_SOURCE. */
export async function readAdapterFiles(env: LibraryEnv, source: AdapterSource, options: HubOptions): Promise<Files> {
  if (isFiles(source)) return source;
  const read = (file: string, optional: boolean): Promise<Uint8Array | undefined> => {
    if (typeof source === 'string') return readHubFile(env, source, file, { ...options, optional });
    if (isDirectory(source)) return fromDirectory(source, file, optional);
    throw new ConfigError('This is no adapter', { code: 'ADAPTER_SOURCE', found: typeof source, expected: 'a hub id, a path, an address, a directory handle, or the files of an adapter folder' });
  };
  const [config, tensors, card] = [await read(ADAPTER_CONFIG_FILE, false), await read(ADAPTER_TENSORS_FILE, false), await read(ADAPTER_CARD_FILE, true)];
  return { [ADAPTER_CONFIG_FILE]: config as Uint8Array, [ADAPTER_TENSORS_FILE]: tensors as Uint8Array, ...(card === undefined ? {} : { [ADAPTER_CARD_FILE]: card }) };
}

const isFiles = (source: unknown): source is Files => typeof source === 'object' && source !== null && ADAPTER_CONFIG_FILE in source;
const isDirectory = (source: unknown): source is FileSystemDirectoryHandle => typeof source === 'object' && source !== null && 'getFileHandle' in source;

async function fromDirectory(directory: FileSystemDirectoryHandle, file: string, optional: boolean): Promise<Uint8Array | undefined> {
  const handle = await directory.getFileHandle(file).catch((cause: unknown) => {
    if (optional) return undefined;
    throw new ConfigError(`The directory "${directory.name}" holds no adapter`, { code: 'ADAPTER_SOURCE', found: `no ${file}`, expected: 'what save_pretrained wrote', cause });
  });
  return handle === undefined ? undefined : new Uint8Array(await (await handle.getFile()).arrayBuffer());
}

/** Write an adapter folder: each file under a temporary name first, then renamed. */
export async function writeAdapterFiles(target: string | FileSystemDirectoryHandle, files: Files): Promise<void> {
  if (typeof target !== 'string') {
    for (const [name, bytes] of Object.entries(files)) {
      // What a stream of the browser wrote replaces the file when it is closed.
      const stream = await (await target.getFileHandle(name, { create: true })).createWritable();
      await stream.write(bytes as Uint8Array<ArrayBuffer>);
      await stream.close();
    }
    return;
  }
  for (const [name, bytes] of Object.entries(files)) await writeWhole(`${target}/${name}`, bytes);
}
