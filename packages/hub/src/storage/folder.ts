import { nodeFiles } from '../files/node-modules.js';
import { writeFilesAtomically } from '../files/write-files.js';
import { notSaved } from './errors.js';
import type { Storage } from './storage.js';

/**
 * A folder on disk, in Node. It is made by the first write.
 *
 * @param path absolute, or relative to the working directory.
 */
export function folderStorage(path: string): Storage {
  const names = async (): Promise<string[]> => {
    const { readdir } = nodeFiles();
    const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
    return entries
      .filter((entry) => entry.isFile())
      .map(({ name }) => name)
      .toSorted();
  };
  return {
    address: path,
    names,
    async read(names) {
      const { join, readFile } = nodeFiles();
      const files: Record<string, Uint8Array> = {};
      for (const name of names) {
        const bytes = await readFile(join(path, name)).catch((error: NodeJS.ErrnoException) => {
          if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
          throw error;
        });
        if (bytes !== undefined) files[name] = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      }
      return files;
    },
    async write(files) {
      await writeFilesAtomically(path, files).catch((cause: unknown) => {
        throw notSaved(path, cause);
      });
    },
    async remove() {
      const { join, rm, rmdir } = nodeFiles();
      for (const name of await names()) await rm(join(path, name), { force: true });
      await rmdir(path).catch(() => undefined);
    },
    async beside() {
      const { dirname, readdir, resolve } = nodeFiles();
      const entries = await readdir(dirname(resolve(path)), { withFileTypes: true }).catch(() => []);
      return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
    },
  };
}
