import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A Python that can import torch: the one that PYTHON names, else `python3`; undefined when there is none. */
export async function findPython(): Promise<string | undefined> {
  const command = process.env['PYTHON'] ?? 'python3';
  try {
    await run(command, ['-c', 'import torch'], { timeout: 60_000 });
    return command;
  } catch {
    return undefined;
  }
}
