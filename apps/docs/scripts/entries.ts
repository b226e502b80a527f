import { readFileSync, readdirSync } from 'node:fs';

/** An entry of the troubleshooting pages. */
export interface Entry {
  readonly code: string;
  /** Name of its page below `troubleshooting/`. */
  readonly page: string;
  readonly text: string;
}

const folder = new URL('../troubleshooting/', import.meta.url);
const HEADING = /^### ([A-Z][A-Z0-9_]*)$/m;

let known: readonly Entry[] | undefined;

/** Every entry: a heading of the third level that is a code, and what stands below it. */
export function entries(): readonly Entry[] {
  return (known ??= readdirSync(folder)
    .filter((file) => file.endsWith('.md') && file !== 'index.md')
    .toSorted()
    .flatMap((file) => {
      const [, ...parts] = readFileSync(new URL(file, folder), 'utf8').split(/^(?=### )/m);
      return parts.map((part) => ({
        code: HEADING.exec(part)?.[1] ?? (part.split('\n')[0] as string),
        page: file.replace(/\.md$/, ''),
        text: part.slice(part.indexOf('\n')).split(/^## /m)[0]?.trim() ?? '',
      }));
    }));
}

/** Where the entry of a code stands. */
export function addressOf(code: string): string | undefined {
  const entry = entries().find((each) => each.code === code);
  return entry === undefined ? undefined : `/troubleshooting/${entry.page}#${code.toLowerCase()}`;
}
