#!/usr/bin/env node
// What an installation of the command line weighs beside onnxruntime-node: it is packed with what it depends on of
// ours, installed with npm into an empty folder, and every package is listed, the largest first. Then what the lab and
// the fixtures add. `--check` fails where the command line takes more than 25 MB or 60 packages. Needs a build, and the
// registry of npm. The step `packages` of npm test checks the same.
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { requireNode } from './lib.mjs';
import { install, packAll, registryTrouble } from './pack/install.mjs';
import { describeSize, installedSize, megabytes, sizeProblems } from './pack/size.mjs';

requireNode();

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } });
const scratch = realpathSync(mkdtempSync(join(tmpdir(), 'hadamard-size-')));
try {
  const trouble = await registryTrouble(scratch);
  if (trouble === undefined) await main();
  else console.log(`skipped: ${trouble}`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function main() {
  const packages = await packAll(scratch);
  const measure = async (...shorts) => {
    const folder = join(scratch, shorts.join('-'));
    await install(
      folder,
      shorts.map((short) => `@hadamard-adapter/${short}`),
      packages,
    );
    const size = installedSize(folder);
    rmSync(folder, { recursive: true, force: true });
    return size;
  };
  const cli = await measure('cli');
  for (const { name, bytes } of cli.packages) console.log(`${megabytes(bytes).padStart(9)}  ${name}`);
  console.log(`\ncli                    ${describeSize(cli)}`);
  console.log(`cli and lab            ${describeSize(await measure('cli', 'lab'))}`);
  console.log(`conformance-fixtures   ${describeSize(await measure('conformance-fixtures'))}`);
  if (!values.check) return;
  const problems = sizeProblems(cli);
  for (const problem of problems) console.error(problem);
  process.exitCode = problems.length === 0 ? 0 : 1;
}
