import { readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';

export const root = join(import.meta.dirname, '../../..');
export const site = join(root, 'apps/docs');

const SKIPPED = /^(?:README\.md|node_modules|dist|api|tests|src|public|\.vitepress)(?:\/|$)/;

/** The pages that are written by hand, below the site's folder. */
export function pages(): string[] {
  return readdirSync(site, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.md') && !SKIPPED.test(path))
    .toSorted();
}

/** READMEs whose text is part of the site, below the root. */
export function readmes(): string[] {
  return [
    'README.md',
    ...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/README.md`),
    'packages/transformers/docs/pytorch.md',
    'sweeps/README.md',
    'CONTRIBUTING.md',
  ];
}

export const read = (path: string): string => readFileSync(join(root, path), 'utf8');

export interface Block {
  /** Below the root. */
  readonly file: string;
  readonly line: number;
  readonly language: string;
  readonly code: string;
  /** Of the comment in front: `run`, or what is given. */
  readonly note: string;
  /** What the next block says that it prints. */
  readonly printed: string | undefined;
}

/** Blocks of code of a file, with the comment that stands in front of each. */
export function blocksOf(file: string): Block[] {
  const text = read(file);
  return [
    ...text.matchAll(
      /(?:^<!-- (run|given: [^\n]+?) -->\n+)?^( *)```(\w+)[^\n]*\n([\s\S]*?)^\2```$(?=(?:\n+It prints)?(?:\n+```text\n([\s\S]*?)^```$)?)/gm,
    ),
  ].map((match) => {
    const [whole, note = '', , language = '', code = '', printed] = match;
    const line = text.slice(0, match.index + whole.indexOf('```')).split('\n').length;
    return { file, line, language, code, note, printed: printed?.trimEnd() };
  });
}

export const allBlocks = (): Block[] =>
  [...pages().map((page) => relative(root, join(site, page))), ...readmes()].flatMap(blocksOf);
