/// <reference types="node" />
import { existsSync, readFileSync } from 'node:fs';

const ROOT = new URL('../../../../', import.meta.url);

/** A file beside the repository, or undefined (with the reason printed) when it is not there. */
export function sharedFile(path: string): Uint8Array | undefined {
  const url = new URL(`../shared/${path}`, ROOT);
  if (existsSync(url)) return new Uint8Array(readFileSync(url));
  console.warn(`skipped: no ../shared/${path}`);
  return undefined;
}
