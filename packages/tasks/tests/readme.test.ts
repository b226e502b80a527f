import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import * as tasks from '../src/index.js';
import { FILES } from './support/glue.js';
import { utf8 } from './support/tables.js';

const file = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const readme = file('README.md');
const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, body]) => body ?? '');
/** Cells of the rows of the tables under a heading, without their headers. */
const rows = (heading: string): string[][] => {
  const section = readme.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^\| (`.+) \|$/gm)].map(([, row]) => (row ?? '').split('|').map((cell) => cell.trim()));
};
const names = (cell: string | undefined): string[] =>
  [...(cell ?? '').matchAll(/`(\w[\w-]*)`/g)].map(([, name]) => name ?? '');
const asynchronous = Object.getPrototypeOf(async () => undefined).constructor as FunctionConstructor;

/** Runs an example with the sources in place of the package, and answers what it prints. */
async function run(source: string, modules: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const body = source.replaceAll(/import (\{[^}]+\}) from ('[^']+');/g, 'const $1 = modules[$2];');
  expect(body).not.toContain('import ');
  const log = vi.spyOn(console, 'log').mockImplementation(() => {});
  await new asynchronous('modules', body)({ '@hadamard-adapter/tasks': tasks, ...modules });
  const printed = log.mock.calls.map((values) => values.join(' ')).join('\n');
  log.mockRestore();
  return printed;
}

describe('README', () => {
  it('has an example that prints what it says', async () => {
    expect(await run(blocks('js')[0] ?? '')).toBe(blocks('text')[0]?.trimEnd());
  });

  it('reads GLUE as it says', async () => {
    const readFile = async (path: string): Promise<Uint8Array> => {
      const text = FILES.sst2[path.replace('glue_data/', '')];
      if (text === undefined) throw new Error('ENOENT');
      return utf8(text);
    };
    expect(await run(blocks('js')[1] ?? '', { 'node:fs/promises': { readFile } })).toBe('2 1 accuracy');
  });

  it('has no other example', () => {
    expect([blocks('js').length, blocks('ts').length]).toEqual([2, 0]);
  });

  it('lists the tasks that there are', () => {
    const metrics = new Map([
      ['matthews_correlation', 'Matthews correlation'],
      ['accuracy', 'accuracy'],
      ['f1_accuracy', 'F1 and accuracy'],
      ['pearson_spearmanr', 'mean of Pearson and Spearman correlation'],
    ]);
    const expected = Object.values(tasks.GLUE).map((task) => [
      task.id,
      task.name,
      task.folders,
      task.kind === 'regression' ? [] : task.labels,
      metrics.get(task.metric),
    ]);
    expect(
      rows('GLUE').map(([id, name, folders, labels, metric]) => [
        ...names(id),
        name,
        names(folders),
        names(labels),
        metric,
      ]),
    ).toEqual(expected);
  });

  it('lists the codes that there are, with their classes', () => {
    const sources = readdirSync(new URL('../src', import.meta.url)).map((name) => file(`src/${name}`));
    const thrown = sources.flatMap((source) =>
      [...source.matchAll(/new (\w+Error)\((?:(?!new \w+Error\()[\s\S])*?code: '(\w+)'/g)].map(
        ([, kind, code]) => `${code} ${kind}`,
      ),
    );
    expect(thrown.length).toBeGreaterThan(20);
    expect(
      rows('Errors')
        .map(([code, kind]) => `${names(code).join()} ${names(kind).join()}`)
        .toSorted(),
    ).toEqual([...new Set(thrown)].toSorted());
  });

  it('names every export, and none that is not there', () => {
    const named = rows('Exports').flatMap(([cell]) => names(cell));
    expect(named.toSorted()).toEqual(Object.keys(tasks).toSorted());
    const types = [...file('src/index.ts').matchAll(/type (\w+)/g)].map(([, name]) => name ?? '');
    const listed = /^Types: ([^.]+)\./m.exec(readme)?.[1];
    expect(names(listed).toSorted()).toEqual(types.toSorted());
  });
});
