import { existsSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';

const root = new URL('../../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');

/**
 * What pages take from other files of the repository, so that it is written once:
 *
 * - `<!-- readme core -->`: the README of a package, with a line that says which test runs its examples;
 * - `<!-- file CONTRIBUTING.md -->`: a whole file;
 * - `<!-- from README.md: **Speed** … In the browser -->`: of a file what lies between the line that starts with the
 *   first text and the one that starts with the second, or else the next heading or the next paragraph that starts with
 *   bold text.
 *
 * Links to files of the repository become links to pages, or plain text where there is no page.
 */
export function expand(page: string): string {
  return page
    .replaceAll(/^<!-- readme (\S+) -->$/gm, (_, name: string) => readme(name))
    .replaceAll(/^<!-- file (\S+) -->$/gm, (_, path: string) => relink(read(path), path))
    .replaceAll(
      /^<!-- from ([^\s:]+): (.+?)(?: … (.+?))? -->$/gm,
      (_, path: string, start: string, end: string | undefined) => relink(passage(path, start, end), path),
    );
}

function readme(name: string): string {
  const path = `packages/${name}/README.md`;
  const [head = '', ...sections] = read(path).split(/^(?=## )/m);
  return relink([head, `${source(name)}\n\n`, ...sections].join(''), path);
}

/** Which test runs the examples of a README. */
function source(name: string): string {
  const isProgram = name === 'cli' || name === 'lab';
  const test = `packages/${name}/tests/readme.test.ts`;
  const runs = existsSync(new URL(test, root))
    ? ` ${isProgram ? 'Its commands are checked' : 'Its examples are run, and what they print is compared,'} ` +
      `by \`${test}\`.`
    : '';
  return (
    `::: info About this page\nThis page is the README of the package.${runs} Every exported name: ` +
    `[API](/api/${name}). Every error: [troubleshooting](/troubleshooting/${name}).\n:::`
  );
}

function passage(path: string, start: string, end: string | undefined): string {
  const lines = read(path).split('\n');
  // The cells of a table are padded to the width of their column, which is no part of what a page names.
  const first = lines.findIndex((line) => line.replaceAll(/ +/g, ' ').startsWith(start));
  if (first < 0) throw new Error(`${path} has no line that starts with ${start}`);
  const length = lines
    .slice(first + 1)
    .findIndex((line) => (end === undefined ? /^(?:#|\*\*[^*]+\*\*)/.test(line) : line.startsWith(end)));
  if (length < 0 && end !== undefined) throw new Error(`${path} has no line that starts with ${end} behind ${start}`);
  return lines
    .slice(first, length < 0 ? undefined : first + 1 + length)
    .join('\n')
    .trimEnd();
}

/** Link targets in `text`, a file at `path`, as addresses of this site. */
function relink(text: string, path: string): string {
  return text.replaceAll(/\[((?:[^[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)/g, (whole, label: string, target: string) => {
    if (/^(?:[a-z]+:|#|\/)/.test(target)) return whole;
    const address = addressOfFile(posix.join(posix.dirname(path), target));
    return address === undefined ? label : `[${label}](${address})`;
  });
}

function addressOfFile(target: string): string | undefined {
  const [file = '', anchor] = target.split('#');
  const suffix = anchor === undefined ? '' : `#${anchor}`;
  const name = /^packages\/([a-z]+)(?:\/README\.md)?$/.exec(file)?.[1];
  if (name !== undefined) return `/packages/${name}${suffix}`;
  if (file === 'packages/transformers/docs/pytorch.md') return `/guides/pytorch${suffix}`;
  if (/^packages\/conformance-fixtures(?:\/README\.md)?$/.test(file)) return `/packages/fixtures${suffix}`;
  const trouble = /^apps\/docs\/troubleshooting\/([a-z]+)\.md$/.exec(file)?.[1];
  if (trouble !== undefined) return `/troubleshooting/${trouble}${suffix}`;
  if (file === 'sweeps' || file === 'sweeps/README.md') return '/benchmarks#what-the-methods-bring';
  return file === 'CONTRIBUTING.md' ? `/contributing${suffix}` : undefined;
}
