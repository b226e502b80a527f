import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

/**
 * Where a package lies that this one does not depend on, if somebody has installed it: seen from `place`, from this
 * package (beside it, also where both are installed globally), or from the working folder and those above it.
 */
export function findInstalled(specifier: string, place?: string): string | undefined {
  for (const from of [place, import.meta.url, join(process.cwd(), 'package.json')]) {
    if (from === undefined) continue;
    try {
      return createRequire(from).resolve(specifier);
    } catch {
      // Not seen from here.
    }
  }
  return undefined;
}

/** Import what `findInstalled` has found. What it exports is for the caller to know. */
export const importFound = (path: string): Promise<unknown> => import(pathToFileURL(path).href);
