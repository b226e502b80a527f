/** What transformers.js keeps downloads in: `caches.open(…)` of a browser, or an object of the person. */
export interface FileCache {
  match(key: string): Promise<Response | undefined>;
  put(key: string, response: Response): Promise<void>;
}

/** The settings of transformers.js that say where files are. */
export interface LibraryEnv {
  readonly allowLocalModels: boolean;
  readonly allowRemoteModels: boolean;
  readonly localModelPath: string;
  readonly remoteHost: string;
  readonly remotePathTemplate: string;
  readonly useFS: boolean;
  readonly useFSCache: boolean;
  readonly useBrowserCache: boolean;
  readonly cacheDir: string | null;
  readonly cacheKey?: string;
  readonly useCustomCache: boolean;
  readonly customCache: FileCache | null;
  readonly fetch?: typeof fetch;
}

/** Which version of a repository, and whether it may be downloaded; of transformers.js. */
export interface HubOptions {
  readonly revision?: string;
  readonly local_files_only?: boolean;
  readonly cache_dir?: string;
}
