import type { LibraryEnv } from '../library.js';

/** Which version of a repository, and whether it may be downloaded; of transformers.js. */
export interface HubOptions {
  readonly revision?: string;
  readonly local_files_only?: boolean;
  readonly cache_dir?: string;
}

/** Where transformers.js looks for a file, in its order. */
export interface Places {
  /** Paths or addresses on this machine or site; empty when local models are switched off. */
  readonly local: readonly string[];
  /** In the folder of downloads. */
  readonly cached: string | undefined;
  /** On the hub; undefined when it may not be asked. It is also the key in browser caches. */
  readonly remote: string | undefined;
}

const joined = (...parts: readonly string[]): string =>
  parts
    .map((part, i) => (i === 0 ? part.replace(/\/+$/, '') : part.replaceAll(/^\/+|\/+$/g, '')))
    .filter((part, i) => i === 0 || part !== '')
    .join('/');

export const isUrl = (id: string): boolean => /^https?:\/\//.test(id);

/** `org/name` or `name`, as the hub allows them; anything else is a path. */
const isModelId = (id: string): boolean => /^[\w-][\w.-]{0,95}(\/[\w-][\w.-]{0,95})?$/.test(id) && !id.includes('..');

export function placesOf(
  env: LibraryEnv,
  id: string,
  file: string,
  { revision = 'main', local_files_only = false, cache_dir }: HubOptions,
): Places {
  if (isUrl(id)) return { local: [], cached: undefined, remote: local_files_only ? undefined : joined(id, file) };
  const path = joined(id, file);
  const folder = cache_dir ?? env.cacheDir ?? undefined;
  const known = isModelId(id);
  const remote = known && env.allowRemoteModels && !local_files_only;
  return {
    local: env.allowLocalModels ? [...(known ? [joined(env.localModelPath, path)] : []), path] : [],
    cached:
      env.useFSCache && folder !== undefined
        ? joined(folder, revision === 'main' ? path : joined(id, revision, file))
        : undefined,
    remote: remote
      ? joined(
          env.remoteHost,
          env.remotePathTemplate.replaceAll('{model}', id).replaceAll('{revision}', encodeURIComponent(revision)),
          file,
        )
      : undefined,
  };
}
