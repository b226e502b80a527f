import { describe, expect, it } from 'vitest';
import { cli } from './support/cli.js';

const NAMES = ['sweep', 'worker', 'analyze', 'prune', 'bench'];

describe('hadamard with the lab', () => {
  it('lists its commands in the help', async () => {
    const { code, stdout } = await cli('--help');
    expect(code).toBe(0);
    for (const name of [...NAMES, 'train']) expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    expect(stdout).not.toContain('npm install');
  });

  it.each(NAMES)('%s --help explains itself', async (command) => {
    const { code, stdout } = await cli(command, '--help');
    expect(code).toBe(0);
    expect(stdout).toMatch(new RegExp(`^Usage: hadamard ${command} .*\\n`));
    expect(stdout).toContain('--json');
  });

  it.each([
    ['a flag that is none', ['sweep', 'x.yaml', '--fast']],
    ['a number that is none', ['prune', 'x', '--keep', 'some', '--output', 'y']],
    ['an option that is missing', ['worker']],
  ])('%s is a mistake of usage: exit code 2', async (_, argv) => {
    const { code, stderr, stdout } = await cli(...argv);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^error: .+/);
  });
});
