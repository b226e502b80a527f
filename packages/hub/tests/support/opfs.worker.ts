import type { Files } from '@hadamard-adapter/core';
import { browserStorage } from '../../src/storage/address.js';

// As in older versions of Safari.
delete (FileSystemFileHandle.prototype as Partial<FileSystemFileHandle>).createWritable;

globalThis.addEventListener('message', ({ data: [address, files] }: MessageEvent<[string, Files]>) => {
  browserStorage(address)
    ?.write(files)
    .then(
      () => globalThis.postMessage('written', {}),
      (error: unknown) => globalThis.postMessage(String(error), {}),
    );
});
