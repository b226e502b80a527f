import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { examplesOf } from '../../../tooling/readme-example.js';
import * as commandsEntry from '../src/commands.js';
import * as index from '../src/index.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const lines = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)]
  .flatMap(([, block]) => (block as string).split('\n'))
  .filter((line) => line.startsWith('hadamard '));
const commands = commandsEntry.labCommands();

describe('README', () => {
  it.each(lines)('%s', (line) => {
    const [, name, ...words] = line.split(' ');
    const named = commands.find((each) => each.name() === name);
    expect(named).toBeDefined();
    const command = named?.commands.find((each) => each.name() === words[0]) ?? named;
    const known = command?.options.map(({ long }) => long);
    for (const flag of words.filter((word) => word.startsWith('--'))) expect(known).toContain(flag);
  });

  it('shows every command', () => {
    for (const command of commands)
      expect(
        lines.some((line) => line.startsWith(`hadamard ${command.name()}`)),
        command.name(),
      ).toBe(true);
  });

  it.each(examplesOf(readme))('has an example that prints what it says', (code, printed) => {
    // A benchmark starts processes of the built package, so the example is one too.
    const output = execFileSync(process.execPath, ['--input-type=module', '--eval', code], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
    });
    expect(output.trimEnd()).toBe(printed);
  });

  it('names every export', () => {
    for (const name of [...Object.keys(index), ...Object.keys(commandsEntry)]) expect(readme).toContain(`\`${name}\``);
  });
});
