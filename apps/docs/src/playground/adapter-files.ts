import { FormatError, type Files } from '@hadamard-adapter/core';
import { ADAPTER_CARD_FILE, ADAPTER_CONFIG_FILE, ADAPTER_TENSORS_FILE } from '@hadamard-adapter/core/folder';
import { unzip, zipSync } from 'fflate';

const NAMES: ReadonlySet<string> = new Set([ADAPTER_CONFIG_FILE, ADAPTER_TENSORS_FILE, ADAPTER_CARD_FILE]);
/** An adapter of the largest models takes less than a MiB; with its classifier a little more. */
const MAX_BYTES = 32 * 2 ** 20;

/** An adapter folder as a .zip file with one folder in it. */
export function zipAdapter(files: Files, folder: string): Blob {
  return new Blob(
    [
      zipSync(
        Object.fromEntries(Object.entries(files).map(([name, bytes]) => [`${folder}/${name}`, bytes])),
      ) as Uint8Array<ArrayBuffer>,
    ],
    { type: 'application/zip' },
  );
}

/** A name for a folder and a file, on any system: letters and digits of every script stay. */
export function folderName(name: string): string {
  const plain = name
    .replace(/\.\w+$/, '')
    .replaceAll(/[^\p{L}\p{M}\p{N}]+/gu, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 60);
  return `hadamard-${plain === '' ? 'adapter' : plain.toLowerCase()}`;
}

/**
 * The files of an adapter among those that were given: a .zip, a folder, or the files themselves.
 *
 * @throws FormatError ADAPTER_FILE_MISSING, ADAPTER_ZIP, ADAPTER_SIZE.
 */
export async function readAdapterFiles(given: readonly File[]): Promise<Files> {
  const named = given.filter(({ name }) => NAMES.has(name));
  const zip = given.find(({ name, type }) => /\.zip$/i.test(name) || type === 'application/zip');
  if (named.length > 0) {
    for (const { name, size } of named) checkSize(name, size);
    return Object.fromEntries(
      await Promise.all(named.map(async (file) => [file.name, new Uint8Array(await file.arrayBuffer())] as const)),
    );
  }
  if (zip !== undefined) {
    checkSize(zip.name, zip.size);
    return unpack(zip.name, new Uint8Array(await zip.arrayBuffer()));
  }
  throw new FormatError('That is no adapter', {
    code: 'ADAPTER_FILE_MISSING',
    found:
      given.length === 0
        ? 'no file'
        : given
            .slice(0, 3)
            .map(({ name }) => name)
            .join(', '),
    expected: `a .zip, or a folder with ${ADAPTER_CONFIG_FILE} and ${ADAPTER_TENSORS_FILE}`,
  });
}

function unpack(name: string, bytes: Uint8Array): Promise<Files> {
  return new Promise((resolve, reject) => {
    const refuse = (found: string, cause?: unknown): void =>
      reject(
        new FormatError(`${name} cannot be unpacked`, {
          code: 'ADAPTER_ZIP',
          found,
          expected: `a .zip with ${ADAPTER_CONFIG_FILE} and ${ADAPTER_TENSORS_FILE}`,
          cause,
        }),
      );
    // What it says of itself is looked at before anything is unpacked.
    const filter = ({ name: path, originalSize }: { name: string; originalSize: number }): boolean =>
      NAMES.has(baseName(path)) && originalSize <= MAX_BYTES;
    try {
      unzip(bytes, { filter }, (error, files) => {
        if (error !== null) return refuse(error.message, error);
        const found = Object.entries(files).map(([path, content]) => [baseName(path), content] as const);
        if (found.length === 0) return refuse('none of these files');
        resolve(Object.fromEntries(found));
      });
    } catch (cause) {
      refuse(cause instanceof Error ? cause.message : String(cause), cause);
    }
  });
}

const baseName = (path: string): string => path.split('/').at(-1) ?? path;

function checkSize(name: string, size: number): void {
  if (size <= MAX_BYTES) return;
  throw new FormatError(`${name} is too large for an adapter`, {
    code: 'ADAPTER_SIZE',
    found: `${(size / 2 ** 20).toFixed(1)} MB`,
    expected: `at most ${MAX_BYTES / 2 ** 20} MB`,
    hint: 'Choose the adapter folder, not the model.',
  });
}

/** All files of what was dropped; folders are looked into. */
export async function filesOf(transfer: DataTransfer): Promise<File[]> {
  // The list is empty after the first pause: entries are taken at once.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) return [...transfer.files];
  return (await Promise.all(entries.map((entry) => filesIn(entry, 2)))).flat();
}

async function filesIn(entry: FileSystemEntry, depth: number): Promise<File[]> {
  if (entry.isFile)
    return [await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject))];
  if (depth === 0) return [];
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const inside = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
  return (await Promise.all(inside.map((each) => filesIn(each, depth - 1)))).flat();
}
