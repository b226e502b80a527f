import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, open, readFile, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
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

/** Content of a file: whole, or in chunks that are written one after the other. */
export type Content = Uint8Array | readonly Uint8Array[];

/**
 * Write a folder so that it is there whole or not at all: everything goes to a new folder beside it, which then takes
 * its name. A folder that was there before is replaced, unless it holds files that are not ours.
 *
 * @param known names that may be replaced; any other file in an existing folder stops the write.
 * @throws DataError OUTPUT_OCCUPIED.
 */
export async function writeFolder(
  path: string,
  files: Readonly<Record<string, Content>>,
  known: readonly string[] = Object.keys(files),
): Promise<void> {
  const target = resolve(path);
  await checkUnoccupied(target, known);
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(4).toString('hex')}.tmp`);
  try {
    for (const [name, content] of Object.entries(files)) await writeContent(join(temporary, name), content);
    const old = `${temporary}.old`;
    const replaced = await rename(target, old).then(
      () => true,
      () => false,
    );
    await rename(temporary, target).catch(async (cause: unknown) => {
      if (replaced) await rename(old, target);
      throw cause;
    });
    if (replaced) await rm(old, { recursive: true, force: true });
  } catch (cause) {
    await rm(temporary, { recursive: true, force: true });
    throw cause;
  }
}

/**
 * Files that are not ours must not vanish with a folder that is replaced.
 *
 * @throws DataError OUTPUT_OCCUPIED.
 */
export async function checkUnoccupied(path: string, known: readonly string[]): Promise<void> {
  const foreign = await foreignEntries(resolve(path), '', known);
  if (foreign.length > 0) {
    throw new DataError('The output folder holds other files', {
      code: 'OUTPUT_OCCUPIED',
      found: `${foreign[0]}${foreign.length > 1 ? ` and ${foreign.length - 1} more` : ''} in ${path}`,
      expected: 'a new or empty folder',
    });
  }
}

/**
 * Names below `folder` that are not known. Only folders that known files lie in are looked into: the output may be
 * somebody's home.
 */
async function foreignEntries(folder: string, prefix: string, known: readonly string[]): Promise<string[]> {
  const entries = await readdir(join(folder, prefix), { withFileTypes: true }).catch(() => []);
  const foreign = await Promise.all(
    entries.map(async (entry) => {
      const name = `${prefix}${entry.name}`;
      if (entry.isDirectory() && known.some((file) => file.startsWith(`${name}/`)))
        return foreignEntries(folder, `${name}/`, known);
      return !entry.isDirectory() && known.includes(name) ? [] : [name];
    }),
  );
  return foreign.flat();
}

async function writeContent(path: string, content: Content): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  if (content instanceof Uint8Array) {
    await writeFile(path, content);
    return;
  }
  await pipeline(Readable.from(content), createWriteStream(path));
}

/** Fail before hours of training rather than after: the folder's parent must exist or be creatable, and be writable. */
export async function checkWritable(path: string): Promise<void> {
  const parent = dirname(resolve(path));
  const probe = join(parent, `.${basename(path)}.${randomBytes(4).toString('hex')}.probe`);
  try {
    await makeFolder(parent);
    await (await open(probe, 'wx')).close();
    await rm(probe, { force: true });
  } catch (cause) {
    throw new DataError('The output folder cannot be written', {
      code: 'OUTPUT_UNWRITABLE',
      found: cause instanceof Error ? cause.message : path,
      cause,
    });
  }
}

/** As `mkdir -p`. Node's own does not come back from places where nothing can be made, such as /proc. */
async function makeFolder(path: string): Promise<void> {
  const info = await stat(path).catch(() => undefined);
  if (info?.isDirectory() === true) return;
  if (dirname(path) !== path) await makeFolder(dirname(path));
  await mkdir(path);
}
