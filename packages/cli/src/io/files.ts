import { readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError } from '@hadamard-adapter/core';

/** Largest file that is read whole: the 2 GiB an ONNX file can have. */
export const MAX_BYTES = 2 ** 31;

/**
 * A file's bytes, in a buffer of their own.
 *
 * @throws DataError FILE_MISSING, FILE_KIND, FILE_SIZE.
 */
export async function readBytes(path: string, what: string): Promise<Uint8Array> {
  const info = await stat(path).catch(() => undefined);
  if (info === undefined)
    throw new DataError(`${what} does not exist`, { code: 'FILE_MISSING', found: `nothing at ${path}` });
  if (!info.isFile())
    throw new DataError(`${what} is not a file`, {
      code: 'FILE_KIND',
      found: info.isDirectory() ? `the folder ${path}` : path,
    });
  if (info.size > MAX_BYTES)
    throw new DataError(`${what} is too large`, {
      code: 'FILE_SIZE',
      found: `${info.size} bytes`,
      expected: 'at most 2 GiB',
    });
  const bytes = await readFile(path);
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** A file's bytes, or undefined when there is none. */
export async function readBytesIfAny(path: string): Promise<Uint8Array | undefined> {
  const info = await stat(path).catch(() => undefined);
  return info?.isFile() === true ? readBytes(path, path) : undefined;
}

/**
 * The small files of a folder, by name.
 *
 * @throws DataError FOLDER_MISSING.
 */
export async function readFolder(path: string, what: string): Promise<Record<string, Uint8Array>> {
  const entries = await readdir(path, { withFileTypes: true }).catch((cause: unknown) => {
    throw new DataError(`${what} does not exist`, { code: 'FOLDER_MISSING', found: `no folder at ${path}`, cause });
  });
  const files: Record<string, Uint8Array> = {};
  for (const entry of entries)
    if (entry.isFile()) files[entry.name] = await readBytes(join(path, entry.name), entry.name);
  return files;
}
