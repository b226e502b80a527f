import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { makeProgram } from '../src/program.js';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
const lines = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)]
  .flatMap(([, block]) => (block as string).split('\n'))
  .filter((line) => line.startsWith('hadamard '));
// Without those that only say which package brings them.
const commands = makeProgram([]).commands;

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
});
