#!/usr/bin/env node
// npm start: install, build, run the main job. Arguments after `--` go to `hadamard demo`.
import { install, requireNode, root, run, seconds, tool } from './lib.mjs';
import { spawn } from 'node:child_process';
import { join } from 'node:path';

requireNode();

const prepare = [
  ['installing', install()],
  ['building', tool('turbo', 'run', 'build', '--filter=@hadamard-adapter/cli')],
];
for (const [what, [command, args]] of prepare) {
  const started = performance.now();
  process.stdout.write(`${what} … `);
  const { code, output } = await run(command, args);
  if (code !== 0) {
    console.error(`failed\n${output}`);
    process.exit(code);
  }
  console.log(seconds(started));
}
console.log('running\n');

const child = spawn(
  process.execPath,
  [join(root, 'packages', 'cli', 'dist', 'bin.js'), 'demo', ...process.argv.slice(2)],
  { stdio: 'inherit' },
);
// The terminal sends Ctrl-C to the child as well, and the child decides how to end; we only wait for it.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => child.kill('SIGTERM'));
child.on('exit', (code, signal) => process.exit(code ?? (signal === 'SIGINT' ? 130 : 1)));
