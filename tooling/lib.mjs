import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Root of the repository, wherever a script is started from. */
export const root = join(import.meta.dirname, '..');

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** Exit with one clear line on a Node that is too old. */
export function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [wantedMajor, wantedMinor] = manifest.engines.node.match(/\d+/g).map(Number);
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return;
  console.error(`This project needs Node ${wantedMajor}.${wantedMinor} or later; this is ${process.versions.node}.`);
  process.exit(1);
}

/**
 * Run a command in the repository. Quiet: its output is kept, and shown only when it fails; `loud` passes everything
 * through. Answers the exit code; a signal counts as failure.
 */
export function run(command, args, { loud = false, env = {} } = {}) {
  return new Promise((resolve) => {
    // npx is a script on Windows, which only a shell starts.
    const child = spawn(command, args, {
      cwd: root,
      stdio: loud ? 'inherit' : ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1', ...env },
      shell: process.platform === 'win32',
    });
    let output = '';
    child.stdout?.on('data', (chunk) => (output += chunk));
    child.stderr?.on('data', (chunk) => (output += chunk));
    child.on('error', (error) => resolve({ code: 1, output: `${command}: ${error.message}` }));
    child.on('close', (code, signal) => resolve({ code: code ?? (signal === 'SIGINT' ? 130 : 1), output }));
  });
}

/** The pinned package manager, fetched by npx so that nothing has to be installed by hand. */
export const pnpm = (...args) => ['npx', ['-y', manifest.packageManager, ...args]];

// pnpm runs no install scripts that pnpm-workspace.yaml does not allow, so onnxruntime-node fetches no CUDA libraries
// from outside the registry.
export const install = () => pnpm('install', '--frozen-lockfile');

/**
 * A tool installed in the repository, by its name in node_modules/.bin. It goes through the pinned package manager, so
 * that turbo, which calls it for every package, finds it on the path.
 */
export const tool = (name, ...args) => pnpm('exec', name, ...args);

export function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

/** The files of the repository, as paths from its root; those that git would take up with the next commit too. */
export function tracked(...patterns) {
  const args = ['ls-files', '--cached', '--others', '--exclude-standard', '--deduplicate', '-z', '--', ...patterns];
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 2 ** 26 });
  return listed.split('\0').filter((file) => file !== '' && existsSync(join(root, file)));
}
