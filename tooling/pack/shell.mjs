import { spawn } from 'node:child_process';

/** Process groups that have been started and have not ended. */
const running = new Set();

/** A command that takes longer than this hangs. */
const LIMIT = 300_000;

/**
 * Run a command line in `folder`; resolves to its exit code and what it printed. What it started is ended with it, also
 * when it takes too long.
 */
export function shell(line, folder, env = {}) {
  return new Promise((resolve) => {
    // A group of its own (on POSIX), so that ending it ends what npm started as well.
    const child = spawn(line, {
      cwd: folder,
      shell: true,
      detached: process.platform !== 'win32',
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    running.add(child);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      end(child);
    }, LIMIT);
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => (stdout += chunk));
    child.stderr.on('data', (chunk) => (stderr += chunk));
    child.on('error', (error) => (stderr += error.message));
    child.on('close', (code) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ code: code ?? 1, stdout, stderr: late ? `${stderr}\nended after ${LIMIT / 1000} s` : stderr });
    });
  });
}

/** End every command that is still running. */
export function endAll() {
  for (const child of running) end(child);
}

function end(child) {
  try {
    if (process.platform === 'win32') child.kill();
    else process.kill(-child.pid, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

/** The last lines of what a failed command said. */
export const tail = ({ stdout, stderr }, lines = 12) =>
  `${stdout}\n${stderr}`.trim().split('\n').slice(-lines).join('\n');
