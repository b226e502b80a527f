import { randomBytes } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { RuntimeError } from '@hadamard-adapter/core';
import { isObject } from '@hadamard-adapter/core/internal';

/** The right to be the only writer of a file. */
export interface Claim {
  release(): void;
}

interface Owner {
  readonly host: string;
  readonly pid: number;
}

/**
 * Become the one process that writes `file`: its name and number are noted in `FILE.writer`. A process that is no more
 * leaves its note behind, and with it perhaps the lock of SQLite, which in this build of it is a folder `FILE.lock`
 * that nobody else takes away; both are cleared.
 *
 * @throws RuntimeError RESULTS_BUSY when another process writes it.
 */
export function claim(file: string): Claim {
  const note = `${file}.writer`;
  const owner: Owner = { host: hostname(), pid: process.pid };
  if (!writeNew(note, owner)) {
    const other = ownerOf(note);
    if (other !== undefined && !isGone(other, note)) {
      throw new RuntimeError('Another sweep writes these results', {
        code: 'RESULTS_BUSY',
        found: `process ${other.pid} on ${other.host}`,
        hint: `If it is no more, remove ${note}.`,
      });
    }
    // Two that try at the same moment should not both go on; should they, SQLite still lets only one write at a time.
    const old = `${note}.${randomBytes(4).toString('hex')}`;
    try {
      renameSync(note, old);
      rmSync(old, { force: true });
    } catch {
      // The other one was first, which shows next.
    }
    if (!writeNew(note, owner))
      throw new RuntimeError('Another sweep writes these results', { code: 'RESULTS_BUSY', found: note });
    rmSync(`${file}.lock`, { recursive: true, force: true });
  }
  mine.add(note);
  return {
    release() {
      mine.delete(note);
      rmSync(note, { force: true });
    },
  };
}

/** Notes of this process: in a container that was started again, one before it may have had the same number. */
const mine = new Set<string>();

/**
 * Whether the last writer of `file` died over it. Its lock is then taken away, so that the file can be read; what it
 * had begun to write is for SQLite to undo.
 */
export function unlockOrphan(file: string): boolean {
  const note = `${file}.writer`;
  const owner = ownerOf(note);
  if (owner === undefined || !isGone(owner, note)) return false;
  rmSync(`${file}.lock`, { recursive: true, force: true });
  return true;
}

function writeNew(path: string, owner: Owner): boolean {
  try {
    writeFileSync(path, JSON.stringify(owner), { flag: 'wx' });
    return true;
  } catch (error) {
    if (isCode(error, 'EEXIST')) return false;
    throw error;
  }
}

function ownerOf(note: string): Owner | undefined {
  try {
    const written: unknown = JSON.parse(readFileSync(note, 'utf8'));
    if (!isObject(written)) return undefined;
    const { host, pid } = written;
    return typeof host === 'string' && typeof pid === 'number' && Number.isInteger(pid) && pid > 0
      ? { host, pid }
      : undefined;
  } catch {
    // Cut off by a full disk or a crash: nobody's.
    return undefined;
  }
}

/** Of another machine nothing is known. */
function isGone({ host, pid }: Owner, note: string): boolean {
  if (host !== hostname()) return false;
  if (pid === process.pid) return !mine.has(note);
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return isCode(error, 'ESRCH');
  }
}

const isCode = (error: unknown, code: string): boolean => isObject(error) && error['code'] === code;
