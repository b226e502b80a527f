import { DataError } from '@hadamard-adapter/core';
import type sqlite from 'node-sqlite3-wasm';

const SCHEMA_VERSION = 1;

/** The tables. */
export const SCHEMA = `
CREATE TABLE runs (
  key TEXT PRIMARY KEY,
  task TEXT NOT NULL,
  method TEXT NOT NULL,
  settings TEXT NOT NULL,
  seed INTEGER NOT NULL,
  example_limit INTEGER,
  max_length INTEGER,
  arithmetic TEXT NOT NULL,
  model_name TEXT NOT NULL,
  model TEXT NOT NULL,
  model_files TEXT NOT NULL,
  data TEXT NOT NULL,
  metric TEXT NOT NULL,
  score REAL NOT NULL,
  scores TEXT NOT NULL,
  stages TEXT NOT NULL,
  history TEXT NOT NULL,
  trainable INTEGER NOT NULL,
  total INTEGER NOT NULL,
  seconds REAL NOT NULL,
  weights BLOB NOT NULL,
  finished_at TEXT NOT NULL
) STRICT;
CREATE TABLE files (
  key TEXT NOT NULL REFERENCES runs (key) ON DELETE CASCADE,
  name TEXT NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (key, name)
) STRICT;
PRAGMA user_version = ${SCHEMA_VERSION};
`;

/** A reader and the writer wait for each other this long. */
export const PATIENCE = 'PRAGMA busy_timeout = 10000';

/**
 * The version of a file of results; 0 for one that has no tables yet.
 *
 * @throws DataError RESULTS_FILE for a file of another kind or of a later version.
 */
export function versionOf(database: sqlite.Database, path: string): number {
  let version: unknown;
  try {
    version = database.get('PRAGMA user_version')?.['user_version'];
  } catch (cause) {
    if (!/not a database/.test(reason(cause))) throw cause;
    throw new DataError('The file of results is none', {
      code: 'RESULTS_FILE',
      found: `${path}: ${reason(cause)}`,
      hint: 'Give `output` another folder.',
      cause,
    });
  }
  const foreign = version === 0 && database.all("SELECT name FROM sqlite_schema WHERE type = 'table'").length > 0;
  if (foreign || (version !== 0 && version !== SCHEMA_VERSION)) {
    throw new DataError('The file of results has another form', {
      code: 'RESULTS_FILE',
      found: foreign ? `tables of something else in ${path}` : `version ${String(version)} of ${path}`,
      expected: `version ${SCHEMA_VERSION}`,
    });
  }
  return Number(version);
}

export const reason = (error: unknown): string => (error instanceof Error ? error.message : String(error));
