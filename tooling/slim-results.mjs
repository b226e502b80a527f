#!/usr/bin/env node
// Makes the results of a sweep small enough for the repository, in place: every run keeps its scores and its place
// among what is finished, only the adapters of the method named `hadamard` and those of seed 0 are kept for `hadamard
// analyze`, and no other trained tensors. `node tooling/slim-results.mjs sweeps/results/results.sqlite`, while no sweep
// writes there.
import { statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from './lib.mjs';

const file = process.argv[2];
if (file === undefined) {
  console.error('which file? node tooling/slim-results.mjs sweeps/results/results.sqlite');
  process.exit(2);
}
// The library that wrote it.
const sqlite = createRequire(join(root, 'packages/lab/package.json'))('node-sqlite3-wasm');
const before = statSync(file).size;
const database = new sqlite.Database(file, { fileMustExist: true });
database.exec('PRAGMA foreign_keys = ON');
database.exec(
  "BEGIN IMMEDIATE; UPDATE runs SET weights = x''; DELETE FROM files WHERE key NOT IN (SELECT key FROM runs " +
    "WHERE seed = 0 OR method = 'hadamard'); COMMIT; VACUUM",
);
const { runs } = database.get('SELECT count(*) AS runs FROM runs');
database.close();
console.log(`${runs} runs: ${before} bytes, now ${statSync(file).size}`);
