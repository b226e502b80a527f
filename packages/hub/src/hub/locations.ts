import { fileAddress, isModelId, joined, staysInside } from './client.js';
import type { HubOptions, LibraryEnv } from './library-env.js';

/** Where transformers.js looks for a file, in its order. */
export interface FileLocations {
  /** Paths or addresses on this machine or site; empty when local models are switched off. */
  readonly local: readonly string[];
  /** In the folder of downloads. */
  readonly cached: string | undefined;
  /** On the hub; undefined when it may not be asked. It is also the key in browser caches. */
  readonly remote: string | undefined;
}

const isUrl = (id: string): boolean => /^https?:\/\//.test(id);

export function locationsOf(
  env: LibraryEnv,
  id: string,
  file: string,
  { revision = 'main', local_files_only = false, cache_dir }: HubOptions,
): FileLocations {
  if (isUrl(id)) return { local: [], cached: undefined, remote: local_files_only ? undefined : joined(id, file) };
  const path = joined(id, file);
  const folder = cache_dir ?? env.cacheDir ?? undefined;
  const known = isModelId(id);
  // What a file of somebody else names must neither be written beside the cache nor asked for elsewhere.
  const inside = staysInside(file) && staysInside(revision);
  return {
    local: env.allowLocalModels ? [...(known ? [joined(env.localModelPath, path)] : []), path] : [],
    cached:
      env.useFSCache && folder !== undefined && inside
        ? joined(folder, revision === 'main' ? path : joined(id, revision, file))
        : undefined,
    remote:
      known && inside && env.allowRemoteModels && !local_files_only
        ? fileAddress(env.remoteHost, id, revision, file, env.remotePathTemplate)
        : undefined,
  };
}
