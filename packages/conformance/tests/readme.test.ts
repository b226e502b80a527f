import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import * as compiler from '@hadamard-adapter/compiler';
import * as graph from '@hadamard-adapter/graph';
import * as runtime from '@hadamard-adapter/runtime';
import * as conformance from '../src/index.js';
import * as node from '../src/node.js';

const file = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const readme = file('README.md');
const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``, 'g'))].map(([, body]) => body ?? '');
/** First cells of the rows of the table under a heading, without their quotes. */
const rows = (heading: string): string[][] => {
  const section = readme.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
  return [...section.matchAll(/^\| (`[^@].+) \|$/gm)].map(([, row]) =>
    (row ?? '').split('|').map((cell) => cell.trim().replaceAll('`', '')),
  );
};
const asynchronous = Object.getPrototypeOf(async () => undefined).constructor as FunctionConstructor;

describe('README', () => {
  it('has a driver that passes and prints what it says', async () => {
    const modules: Record<string, unknown> = {
      '@hadamard-adapter/conformance': conformance,
      '@hadamard-adapter/conformance/node': node,
      '@hadamard-adapter/compiler': compiler,
      '@hadamard-adapter/graph': graph,
      '@hadamard-adapter/runtime': runtime,
    };
    const body = (blocks('js')[0] ?? '').replaceAll(/import (\{[^}]+\}) from ('[^']+');/g, 'const $1 = modules[$2];');
    expect(body).not.toContain('import ');
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    await new asynchronous('modules', body)(modules);
    const printed = log.mock.calls.map((values) => values.join(' ')).join('\n');
    log.mockRestore();
    expect(printed).toBe(blocks('text')[0]?.trimEnd());
  });

  it('declares gaps that match cases', async () => {
    const gaps = new Function(`${blocks('js')[1] ?? ''}; return gaps;`)() as conformance.Gap[];
    const { cases } = conformance.collectCases(await node.readFixtures(node.packagedFixtures));
    expect(gaps).toHaveLength(1);
    for (const { key } of gaps)
      expect(cases.filter((each) => conformance.keyPattern(key).test(each.key)).length).toBeGreaterThan(0);
  });

  it('explains every kind of case, and no other', async () => {
    const { cases } = conformance.collectCases(await node.readFixtures(node.packagedFixtures));
    const kinds = new Set(cases.map(({ key, family }) => key.slice(0, key.indexOf(`/${family}/`))));
    expect(
      rows('Cases')
        .map(([kind]) => kind)
        .toSorted(),
    ).toEqual([...kinds].toSorted());
    const [, example] = /batch and the adapter: `([^`]+)`/.exec(readme.replaceAll('\n', ' ')) ?? [];
    expect(cases.map(({ key }) => key)).toContain(example);
  });

  it('explains every kind of case of core alone', async () => {
    const keys: string[] = [];
    conformance.runCoreSuite(await node.readFixtures(node.packagedFixtures), { onCase: ({ key }) => keys.push(key) });
    const kinds = new Set(keys.map((key) => key.split('/').slice(0, 2).join('/')));
    expect(
      rows('Core alone')
        .map(([kind]) => kind)
        .toSorted(),
    ).toEqual([...kinds].toSorted());
  });

  it('gives the tolerances that are', () => {
    expect(Object.fromEntries(rows('Tolerances').map(([name, bound]) => [name, Number(bound)]))).toEqual(
      conformance.FLOAT32_TOLERANCES,
    );
  });

  it('names every export', () => {
    const named = new Set(rows('Exports').flatMap(([names = '']) => names.split(', ')));
    expect([...named].toSorted()).toEqual([...Object.keys(conformance), ...Object.keys(node)].toSorted());
  });
});

describe('README of the fixtures', () => {
  const text = file('../conformance-fixtures/README.md');

  it('names every packaged file and variant', async () => {
    const files = readdirSync(node.packagedFixtures, { recursive: true, encoding: 'utf8' })
      .filter((name) => /[\\/]/.test(name))
      .map((name) => name.split(/[\\/]/));
    expect(files.length).toBeGreaterThan(0);
    expect(files.flat().filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
    const variants = (await node.readFixtures(node.packagedFixtures)).flatMap(({ golden }) =>
      Object.keys(golden.variants),
    );
    expect(variants.filter((name) => !text.includes(`\`${name}\``))).toEqual([]);
  });

  it('explains every name in golden.safetensors, and none that is not there', async () => {
    const fixtures = await node.readFixtures(node.packagedFixtures);
    const names = fixtures.flatMap((fixture) => fixture.names(''));
    const section = text.slice(text.indexOf('## Names'), text.indexOf('## The training run'));
    const explained = [...section.matchAll(/^\| (`(?:<|traj).+?) +\| /gm)].flatMap(([, cell]) => patterns(cell ?? ''));
    expect(explained.length).toBeGreaterThan(15);
    expect(names.filter((name) => !explained.some((pattern) => pattern.test(name)))).toEqual([]);
    expect(explained.filter((pattern) => !names.some((name) => pattern.test(name)))).toEqual([]);
  });
});

/**
 * What a cell such as `<variant>.adapter.<key>.w`, `.b` stands for; a name that begins with a dot replaces the end of
 * the first.
 */
function patterns(cell: string): RegExp[] {
  const [first = '', ...others] = [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name ?? '');
  const places = {
    '<batch>': 'b\\d+s\\d+',
    '<variant>': '[a-z]+(_mse|_cross)?',
    '<key>': '(encoder\\.|decoder\\.)?layer\\.\\d(\\.self|\\.cross)?',
    '<parameter>': '.+',
    '*': '.+',
  } as const;
  return [first, ...others.map((name) => (name.startsWith('.') ? first.replace(/\.[^.]+$/, name) : name))].map(
    (name) => {
      const source = name
        .replaceAll('.', '\\.')
        .replaceAll(/<\w+>|\*/g, (place) => places[place as keyof typeof places]);
      return new RegExp(`^${source}$`);
    },
  );
}
