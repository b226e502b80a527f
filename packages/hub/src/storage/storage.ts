import type { Files } from '@hadamard-adapter/core';

/** Where the files of one folder live: on disk, in a browser, in memory. Each driver is one file beside this one. */
export interface Storage {
  /** As people write it, and as messages name it: a path, `opfs://folder`, `indexeddb://key`. */
  readonly address: string;
  /**
   * Those of the files that are there.
   *
   * @throws ConfigError ADAPTER_SOURCE where there is no such kind of storage.
   */
  read(names: readonly string[]): Promise<Files>;
  /**
   * Put files in place of those of the same names. Where it fails, what was there before is as it was.
   *
   * @throws RuntimeError ADAPTER_WRITE for a storage that does not take them; ConfigError ADAPTER_SOURCE where there is
   *   none.
   */
  write(files: Files): Promise<void>;
  /** Names of the files; none where nothing was written yet. */
  names(): Promise<readonly string[]>;
  /** Forget the files. The folder goes with them, unless something else is in it. */
  remove(): Promise<void>;
  /** What else is stored where this folder is or would be, for messages; absent where that cannot be seen. */
  beside?(): Promise<readonly string[]>;
}

/** Copies, because a view brings all of its buffer along, which may be that of a larger file, or shared. */
export const copied = (files: Files): Files =>
  Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, bytes.slice()]));

export const chosen = (files: Files, names: readonly string[]): Files =>
  Object.fromEntries(Object.entries(files).filter(([name]) => names.includes(name)));
