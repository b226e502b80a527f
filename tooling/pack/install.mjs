import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pnpm, root } from '../lib.mjs';
import { shell, tail } from './shell.mjs';

/** Why packages cannot be installed here; undefined when they can. */
export async function registryTrouble(folder) {
  const answer = await shell(
    'npm view picocolors version --prefer-online --fetch-retries=1 --fetch-timeout=20000',
    folder,
  );
  return answer.code === 0 ? undefined : `the registry of npm does not answer: ${tail(answer, 1)}`;
}

/**
 * Pack every public package into `folder`. pnpm does it, as it will publish them: it writes versions where a
 * package.json says `workspace:^`, which npm pack would leave as it is and npm install would not understand.
 */
export async function packAll(folder) {
  const [command, args] = pnpm(
    '--recursive',
    '--filter',
    '"./packages/*"',
    'pack',
    '--json',
    '--pack-destination',
    JSON.stringify(folder),
  );
  const answer = await shell([command, ...args].join(' '), root);
  if (answer.code !== 0) throw new Error(`pnpm pack failed:\n${tail(answer)}`);
  const packed = new Map(JSON.parse(answer.stdout).map((each) => [each.name, each]));
  return readdirSync(join(root, 'packages')).map((short) => {
    const source = join(root, 'packages', short);
    const manifest = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
    const { filename, files } = packed.get(manifest.name);
    return {
      short,
      source,
      name: manifest.name,
      version: manifest.version,
      manifest,
      tarball: filename,
      files: files.map(({ path }) => path),
      readme: readFileSync(join(source, 'README.md'), 'utf8'),
    };
  });
}

/**
 * npm install in a new folder: our packages from their tarballs, others in the version that this repository is tested
 * with.
 *
 * Scripts are not run. The one of onnxruntime-node fetches CUDA libraries from outside the registry; nothing else here
 * needs one.
 */
export async function install(folder, names, packages) {
  const tarballs = Object.fromEntries(packages.map(({ name, tarball }) => [name, `file:${tarball}`]));
  const tested = Object.assign(
    {},
    ...packages.map(({ manifest }) => ({ ...manifest.dependencies, ...manifest.devDependencies })),
  );
  const dependencies = Object.fromEntries(names.map((name) => [name, tarballs[name] ?? tested[name] ?? 'latest']));
  // What a package depends on is ours as well, and not in the registry yet. (npm refuses to override what is asked for
  // directly.)
  const overrides = Object.fromEntries(Object.entries(tarballs).filter(([name]) => !names.includes(name)));
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ private: true, type: 'module', dependencies, overrides }),
  );
  const answer = await shell(
    'npm install --prefer-offline --ignore-scripts --strict-peer-deps --no-audit --no-fund',
    folder,
    { ONNXRUNTIME_NODE_INSTALL: 'skip' },
  );
  if (answer.code !== 0) throw new Error(`npm install ${names.join(' ')} failed:\n${tail(answer)}`);
  return Number(/added (\d+) packages?/.exec(answer.stdout)?.[1]);
}
