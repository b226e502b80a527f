import { expose } from 'comlink';
import { reply, type Reply } from './reply.js';

export type StoredFiles = Readonly<Record<string, Uint8Array>>;

/**
 * Folders of files in the browser's private file system, where only this site can read. In a worker, since the
 * interface that all browsers have, synchronous handles, exists only there.
 */
export interface StoreWorker {
  write(folder: string, files: StoredFiles): Promise<Reply<void>>;
  /** Undefined when there is no such folder. */
  read(folder: string): Promise<Reply<StoredFiles | undefined>>;
  remove(): Promise<Reply<void>>;
}

const ROOT = 'hadamard-playground';

/** What the types of a page do not have, since only workers do. */
interface SyncFileHandle extends FileSystemFileHandle {
  createSyncAccessHandle(): Promise<{
    truncate(size: number): void;
    write(bytes: Uint8Array, options: { readonly at: number }): number;
    flush(): void;
    close(): void;
  }>;
}

async function writeFile(directory: FileSystemDirectoryHandle, name: string, bytes: Uint8Array): Promise<void> {
  const file = (await directory.getFileHandle(name, { create: true })) as SyncFileHandle;
  const handle = await file.createSyncAccessHandle();
  try {
    handle.truncate(0);
    const written = handle.write(bytes, { at: 0 });
    if (written !== bytes.byteLength) throw new Error(`${written} of ${bytes.byteLength} bytes were written`);
    handle.flush();
  } finally {
    handle.close();
  }
}

const isMissing = (error: unknown): boolean => error instanceof DOMException && error.name === 'NotFoundError';

const worker: StoreWorker = {
  write: (folder, files) =>
    reply(async () => {
      const root = await (await navigator.storage.getDirectory()).getDirectoryHandle(ROOT, { create: true });
      const directory = await root.getDirectoryHandle(folder, { create: true });
      for (const [name, bytes] of Object.entries(files)) await writeFile(directory, name, bytes);
    }),
  read: (folder) =>
    reply(async () => {
      try {
        const directory = await (
          await (await navigator.storage.getDirectory()).getDirectoryHandle(ROOT)
        ).getDirectoryHandle(folder);
        const files: Record<string, Uint8Array> = {};
        for await (const [name, handle] of directory.entries()) {
          if (handle.kind === 'file')
            files[name] = new Uint8Array(await (await (handle as FileSystemFileHandle).getFile()).arrayBuffer());
        }
        return files;
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw error;
      }
    }),
  remove: () =>
    reply(async () => {
      await (await navigator.storage.getDirectory()).removeEntry(ROOT, { recursive: true }).catch((error: unknown) => {
        if (!isMissing(error)) throw error;
      });
    }),
};

expose(worker);
