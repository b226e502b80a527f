import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/** Of the command line, beside onnxruntime-node itself. */
const LIMIT = { bytes: 25_000_000, packages: 60 };

/** Native code for every platform: half a gigabyte, which nobody who trains can do without. */
const RUNTIME = 'onnxruntime-node';

/** What an installation weighs beside onnxruntime-node: every package in `folder`/node_modules, the largest first. */
export function installedSize(folder) {
  const all = packagesBelow(join(folder, 'node_modules'));
  const packages = all.filter(({ name }) => name !== RUNTIME).toSorted((a, b) => b.bytes - a.bytes);
  const total = (some) => some.reduce((sum, { bytes }) => sum + bytes, 0);
  return { packages, bytes: total(packages), runtimeBytes: total(all) - total(packages) };
}

/** Why the command line weighs too much; empty when it does not. */
export function sizeProblems({ packages, bytes }) {
  const largest = packages
    .slice(0, 5)
    .map((each) => `${each.name} ${megabytes(each.bytes)}`)
    .join(', ');
  return [
    ...(bytes > LIMIT.bytes
      ? [`it takes ${megabytes(bytes)} beside ${RUNTIME}; it may take ${megabytes(LIMIT.bytes)}. Largest: ${largest}`]
      : []),
    ...(packages.length > LIMIT.packages
      ? [`it brings ${packages.length} packages beside ${RUNTIME}; it may bring ${LIMIT.packages}`]
      : []),
  ];
}

/** `12.3 MB in 41 packages beside onnxruntime-node (301.1 MB)` */
export function describeSize({ packages, bytes, runtimeBytes }) {
  const beside = runtimeBytes === 0 ? '' : ` beside ${RUNTIME} (${megabytes(runtimeBytes)})`;
  return `${megabytes(bytes)} in ${packages.length} packages${beside}`;
}

export const megabytes = (bytes) => `${(bytes / 1e6).toFixed(1)} MB`;

/** Packages of a node_modules folder and of those inside it, each without what is nested in it. */
function packagesBelow(modules) {
  if (!existsSync(modules)) return [];
  const folders = readdirSync(modules)
    .filter((name) => !name.startsWith('.'))
    .flatMap((name) =>
      name.startsWith('@')
        ? readdirSync(join(modules, name)).map((inner) => join(modules, name, inner))
        : [join(modules, name)],
    );
  return folders.flatMap((folder) => [
    { name: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name, bytes: bytesOf(folder) },
    ...packagesBelow(join(folder, 'node_modules')),
  ]);
}

function bytesOf(folder) {
  return readdirSync(folder, { withFileTypes: true }).reduce((sum, entry) => {
    if (entry.name === 'node_modules') return sum;
    const path = join(folder, entry.name);
    return sum + (entry.isDirectory() ? bytesOf(path) : statSync(path).size);
  }, 0);
}
