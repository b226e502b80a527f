import { isObject } from '@hadamard-adapter/core/internal';
import type { DownloadOptions, Expected } from '../download/download.js';
import { DownloadError, reasonOf } from '../download/errors.js';

/** A Hugging Face hub, or a mirror of it. */
export interface Hub {
  /** Such as `https://huggingface.co`. */
  readonly endpoint: string;
  readonly token?: string | undefined;
}

/** What the hub says of a file. */
export interface HubFile extends Expected {
  readonly path: string;
  /** Its name in the cache: the same file of another revision is not downloaded again. */
  readonly etag: string;
  /** The last commit that changed it. */
  readonly commit: string | undefined;
}

const FILE_PATH = '{model}/resolve/{revision}/';

/** Parts of an address or path, with one slash between them. */
export const joined = (...parts: readonly string[]): string =>
  parts
    .map((part, i) => (i === 0 ? part.replace(/\/+$/, '') : part.replaceAll(/^\/+|\/+$/g, '')))
    .filter((part, i) => i === 0 || part !== '')
    .join('/');

/** `org/name` or `name`, as the hub allows them; anything else is a path. */
export const isModelId = (id: string): boolean =>
  /^[\w-][\w.-]{0,95}(\/[\w-][\w.-]{0,95})?$/.test(id) && !id.includes('..');

/** Whether a file's name stays in the folder that it is joined to. */
export const staysInside = (file: string): boolean =>
  !/^[/\\]|^[a-z]:|\0/i.test(file) && !file.split(/[/\\]/).includes('..');

/** Where the hub has a file. */
export const fileAddress = (
  endpoint: string,
  id: string,
  revision: string,
  file: string,
  template: string = FILE_PATH,
): string =>
  joined(endpoint, template.replaceAll('{model}', id).replaceAll('{revision}', encodeURIComponent(revision)), file);

export const authorization = (token: string | undefined): Pick<DownloadOptions, 'headers'> =>
  token === undefined ? {} : { headers: { Authorization: `Bearer ${token}` } };

/** A commit or a hash as it may stand in a path: an answer of a server must not lead out of the cache. */
const isName = (value: unknown): value is string => typeof value === 'string' && /^[\w-]{1,128}$/.test(value);

/**
 * The commit that a revision stands at.
 *
 * @returns undefined for mirrors that do not tell.
 */
export async function commitOf(hub: Hub, id: string, revision: string): Promise<string | undefined> {
  const address = joined(hub.endpoint, 'api/models', id, 'revision', encodeURIComponent(revision));
  const response = await fetch(address, authorization(hub.token)).catch(() => undefined);
  if (response?.ok !== true) return undefined;
  const answer: unknown = await response.json().catch(() => undefined);
  const sha = isObject(answer) ? answer['sha'] : undefined;
  return isName(sha) ? sha : undefined;
}

/**
 * Those of some files that a model has on the hub, by path.
 *
 * @throws DownloadError DOWNLOAD_FAILED.
 */
export async function filesOnHub(
  hub: Hub,
  id: string,
  revision: string,
  paths: readonly string[],
): Promise<ReadonlyMap<string, HubFile>> {
  const address = joined(hub.endpoint, 'api/models', id, 'paths-info', encodeURIComponent(revision));
  const response = await fetch(address, {
    method: 'POST',
    headers: { ...authorization(hub.token).headers, Accept: 'application/json', 'Content-Type': 'application/json' },
    body: JSON.stringify({ paths, expand: true }),
  }).catch((cause: unknown) => {
    throw new DownloadError(address, reasonOf(cause), { cause });
  });
  if (!response.ok)
    throw new DownloadError(address, `status ${response.status} ${response.statusText}`.trimEnd(), {
      status: response.status,
    });
  const answer: unknown = await response.json().catch(() => undefined);
  if (!Array.isArray(answer)) throw new DownloadError(address, 'an answer that is no list of files');
  return new Map(
    answer.flatMap((entry: PathInfo): [string, HubFile][] => {
      const file = fileOf(entry, address);
      return file !== undefined && paths.includes(file.path) ? [[file.path, file]] : [];
    }),
  );
}

/** Part of the hub's answer. Nothing in it is certain. */
interface PathInfo {
  readonly type?: unknown;
  readonly path?: unknown;
  readonly size?: unknown;
  readonly oid?: unknown;
  readonly xetHash?: unknown;
  readonly lfs?: { readonly oid?: unknown };
  readonly lastCommit?: { readonly id?: unknown };
}

function fileOf({ type, path, size, oid, xetHash, lfs, lastCommit }: PathInfo, address: string): HubFile | undefined {
  if (type !== 'file' || typeof path !== 'string') return undefined;
  // The first that there is names the blob, as for Hugging Face's own tools.
  const etag = lfs?.oid ?? xetHash ?? oid;
  const commit = lastCommit?.id;
  if (!isName(etag) || !(commit === undefined || isName(commit)))
    throw new DownloadError(address, `no hash, or no commit, for ${path}`);
  const sha256 = typeof lfs?.oid === 'string' && /^[0-9a-f]{64}$/.test(lfs.oid) ? lfs.oid : undefined;
  return {
    path,
    etag,
    commit,
    ...(typeof size === 'number' ? { size } : {}),
    ...(sha256 === undefined ? {} : { sha256 }),
  };
}
