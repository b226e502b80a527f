import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { makeProgram } from '../../../packages/cli/src/program.js';
import { labCommands } from '../../../packages/lab/src/commands.js';
import { cli, lastLine, scratchFolder } from '../../../packages/cli/tests/support/cli.js';
import { allBlocks, blocksOf } from './docs-pages.js';

const commands = makeProgram(labCommands()).commands;

/** Lines of shell that call the command line, by any of the ways it is called. */
const lines = allBlocks()
  .filter(({ file, language }) => language === 'sh' && file.startsWith('apps/docs/'))
  .flatMap(({ file, code }) =>
    code
      .split('\n')
      .map((line) => [file, line.replace(/^npm run hadamard -- /, 'hadamard ').replace(/ {2}#.*$/, '')] as const),
  )
  .filter(([, line]) => line.startsWith('hadamard '));

describe('commands in the documentation', () => {
  it('are there', () => expect(lines.length).toBeGreaterThan(10));

  it.each(lines)('%s: %s', (_, line) => {
    const [, name, ...words] = line.split(' ');
    const named = commands.find((each) => each.name() === name);
    expect(named, name).toBeDefined();
    const command = named?.commands.find((each) => each.name() === words[0]) ?? named;
    const known = command?.options.map(({ long }) => long);
    for (const flag of words.filter((word) => word.startsWith('--'))) expect(known).toContain(flag);
  });
});

const folder = scratchFolder();

describe('the first example of the command line', () => {
  it('hadamard demo', async () => {
    const first = blocksOf('packages/cli/README.md').find(({ language }) => language === 'sh');
    expect(first?.code.trim().split('\n').at(-1)).toBe('hadamard demo');
    const result = await cli('demo', '--output', join(folder, 'demo'), '--threads', 1, '--json');
    expect(result.code, result.stderr).toBe(0);
    const { trainable, predictions } = lastLine<{ trainable: number; predictions: { label: string }[] }>(result);
    expect(trainable).toBe(4096);
    expect(predictions.map(({ label }) => label)).toEqual(['sport', 'food']);
    // Twenty seconds where nothing else runs.
  }, 240_000);
});
