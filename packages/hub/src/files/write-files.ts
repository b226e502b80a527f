import { nodeFiles } from './node-modules.js';

/** What is written into a file: whole, or in chunks that follow each other. */
export type Content = Uint8Array | string | Iterable<Uint8Array> | AsyncIterable<Uint8Array>;

/**
 * Write a file of Node under a temporary name and rename it when it is whole. Its folder is made where it is missing.
 * What was there before stays where writing fails, or where the content throws.
 */
export async function writeFileAtomically(path: string, content: Content): Promise<void> {
  const { basename, dirname } = nodeFiles();
  await writeFilesAtomically(dirname(path), { [basename(path)]: content });
}

/**
 * Write several files of a folder: all of them under temporary names first, then they are renamed in their order. So a
 * full disk leaves what was there before.
 */
export async function writeFilesAtomically(folder: string, files: Readonly<Record<string, Content>>): Promise<void> {
  const { join, rename, rm } = nodeFiles();
  const written = new Map<string, string>();
  try {
    for (const [name, content] of Object.entries(files)) {
      const target = join(folder, name);
      const temporary = temporaryFor(target);
      written.set(temporary, target);
      await writeContent(temporary, content);
    }
    for (const [temporary, target] of written) await rename(temporary, target);
  } catch (cause) {
    for (const temporary of written.keys()) await rm(temporary, { force: true });
    throw cause;
  }
}

/** A name beside `path` that nobody else has: renaming works only within one file system. */
export function temporaryFor(path: string): string {
  const { basename, dirname, join } = nodeFiles();
  return join(dirname(path), `.${basename(path)}.${globalThis.crypto.randomUUID().slice(0, 8)}.tmp`);
}

/** Not atomic: for what is renamed afterwards. */
export async function writeContent(path: string, content: Content): Promise<void> {
  const { dirname, writeFile } = nodeFiles();
  await makeFolder(dirname(path));
  // Not a stream: one that fails early may make its file after whoever waits for it has removed it.
  await writeFile(path, content);
}

/** As `mkdir -p`. Node's own does not come back from places where nothing can be made, such as /proc. */
export async function makeFolder(path: string): Promise<void> {
  const { dirname, mkdir, stat } = nodeFiles();
  const isFolder = async (): Promise<boolean> => (await stat(path).catch(() => undefined))?.isDirectory() === true;
  if (await isFolder()) return;
  if (dirname(path) !== path) await makeFolder(dirname(path));
  await mkdir(path).catch(async (cause: unknown) => {
    // Somebody else made it in between.
    if (!(await isFolder())) throw cause;
  });
}
