import { createHash } from 'node:crypto';
import { writeFileAtomically } from '../files/write-files.js';
import { checkHash, openDownload, type DownloadOptions } from './download.js';

/**
 * Download into a file, which gets its name when size and hash are right. A chunk is in memory at a time.
 *
 * @throws DownloadError DOWNLOAD_FAILED.
 */
export async function downloadFile(path: string, address: string | URL, options: DownloadOptions = {}): Promise<void> {
  const { chunks, expected } = await openDownload(address, options);
  const hash = expected.sha256 === undefined ? undefined : createHash('sha256');
  await writeFileAtomically(path, hashed());

  async function* hashed(): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      hash?.update(chunk);
      yield chunk;
    }
    // Before the file is renamed: an error here takes it away.
    if (hash !== undefined) checkHash(address, hash.digest(), expected);
  }
}
