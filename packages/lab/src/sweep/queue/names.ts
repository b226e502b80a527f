import { hostname } from 'node:os';

/** All keys in Redis begin so. */
export const PREFIX = 'hadamard';

/**
 * The queue of runs: sweeps put them there, workers take them. A job has the key of its run for an id, so that none is
 * there twice.
 */
export const QUEUE = 'runs';

export const checkpointKey = (run: string): string => `${PREFIX}:checkpoint:${run}`;

/**
 * A result that could perhaps not be delivered, because Redis was away for longer than a run is held for its worker:
 * whoever takes the run next delivers it.
 */
export const resultKey = (run: string): string => `${PREFIX}:result:${run}`;

/** Names of workers that were there lately, and what each of them has. */
export const WORKERS_KEY = `${PREFIX}:workers`;
export const workerKey = (name: string): string => `${PREFIX}:worker:${name}`;

/** What nobody asks for any more goes away. */
export const KEPT_SECONDS = 7 * 24 * 60 * 60;

/** Workers hold a run this long without a sign of life; then another takes it. */
export const LOCK_MS = 10_000;
export const STALLED_CHECK_MS = 5000;

/**
 * A run whose workers died this often is at fault itself. Every absence of Redis that is longer than a lock counts too.
 */
export const MAX_DEATHS = 20;

export const ownName = (): string => `${hostname().split('.')[0] ?? 'worker'}-${process.pid}`;
