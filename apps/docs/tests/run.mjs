#!/usr/bin/env node
// The playground in Chromium, as it is built. Arguments go to vitest: `node tests/run.mjs resume --tags-filter=!all`.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { chromiumPath } from '../../../tooling/chromium.mjs';

const folder = join(import.meta.dirname, '..');
const site = process.env.DOCS_DIST ?? join(folder, 'dist');

if (chromiumPath() === undefined) {
  console.log('skipped: the playground is tested in Chromium, and there is none; set CHROME_PATH to one');
  process.exit(0);
}
if (!existsSync(join(site, 'playground.html'))) {
  console.error('The site is not built: npm run build in apps/docs comes first.');
  process.exit(1);
}
const vitest = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs');
const child = spawn(process.execPath, [vitest, 'run', '--root', folder, ...process.argv.slice(2)], {
  stdio: 'inherit',
});
child.on('exit', (code) => process.exit(code ?? 1));
