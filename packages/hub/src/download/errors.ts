import { RuntimeError } from '@hadamard-adapter/core';

/** A download that did not bring what it should. */
export class DownloadError extends RuntimeError {
  /** Of the server's answer; undefined when there was none, or when its bytes were not the right ones. */
  readonly status: number | undefined;

  constructor(address: string, found: string, { status, cause }: { status?: number; cause?: unknown } = {}) {
    super('The download failed', { code: 'DOWNLOAD_FAILED', found: `${found} from ${address}`, cause });
    this.status = status;
  }
}

/** What an error says. `fetch failed` alone tells nothing: the cause does. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== ''
    ? `${error.message} (${error.cause.message})`
    : error.message;
}
