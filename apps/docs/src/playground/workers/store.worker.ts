import type { Files } from '@hadamard-adapter/core';
import { opfsStorage, type Storage } from '@hadamard-adapter/hub';
import { expose } from 'comlink';
import { reply, type Reply } from './reply.js';

/**
 * Folders of files in the browser's private file system, where only this site can read. In a worker, since some
 * browsers let nothing else write there.
 */
export interface StoreWorker {
  write(folder: string, files: Files): Promise<Reply<void>>;
  /** Undefined when there is no such folder. */
  read(folder: string): Promise<Reply<Files | undefined>>;
  remove(folders: readonly string[]): Promise<Reply<void>>;
}

const storageOf = (folder: string): Storage => opfsStorage(`hadamard-playground/${folder}`);

const worker: StoreWorker = {
  write: (folder, files) => reply(() => storageOf(folder).write(files)),
  read: (folder) =>
    reply(async () => {
      const storage = storageOf(folder);
      const names = await storage.names();
      return names.length === 0 ? undefined : storage.read(names);
    }),
  remove: (folders) =>
    reply(async () => {
      for (const folder of folders) await storageOf(folder).remove();
    }),
};

expose(worker);
