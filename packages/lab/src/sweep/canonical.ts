import { createHash } from 'node:crypto';

/** JSON in which equal values give equal text: keys sorted, nothing for what is undefined. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}

/** SHA-256 as 64 hexadecimal digits, of one text or of several put together. */
export function digestOf(...parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

/** A hash as people read it. */
export const short = (hash: string): string => hash.slice(0, 12);
