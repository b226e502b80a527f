import { loadPlayground, type Playground } from './playground.js';

export { complaintOf } from './complaint.js';

let kept: Promise<Playground> | undefined;

/**
 * The playground of this tab: it goes on while a person reads another page of the site, and is there when they come
 * back.
 */
export function openPlayground(folder: URL, onProgress: (bytes: number) => void): Promise<Playground> {
  kept ??= loadPlayground(folder, onProgress).catch((error: unknown) => {
    kept = undefined;
    throw error;
  });
  return kept;
}
