import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { findInstalled, importFound } from '../src/installed.js';
import { makeProgram } from '../src/program.js';
import { cli, lastLine, scratchFolder } from './support/cli.js';

const NAMES = ['sweep', 'worker', 'analyze', 'prune', 'bench'];

describe('hadamard without the lab', () => {
  it.each(NAMES)('%s says how to get it, whatever it is asked for: exit code 2', async (name) => {
    for (const words of [[], ['some.yaml', '--show'], ['--help'], ['epoch', '--threads', '2']]) {
      const { code, stdout, stderr } = await cli(name, ...words);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toMatch(/^error \[LAB_MISSING\] .*npm install @hadamard-adapter\/lab[^\n]*\n$/);
    }
  });

  it('says so to machines too', async () => {
    const result = await cli('sweep', 'some.yaml', '--json');
    expect(result.code).toBe(2);
    expect(lastLine(result)).toMatchObject({ error: { code: 'LAB_MISSING' } });
  });

  it('lists none of its commands in the help, and says in one line where they are', async () => {
    const { code, stdout } = await cli('--help');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^  train /m);
    for (const name of NAMES) expect(stdout).not.toMatch(new RegExp(`^  ${name} `, 'm'));
    expect(stdout.trimEnd().split('\n').at(-1)).toBe(
      'sweep, worker, analyze, prune and bench come with @hadamard-adapter/lab: npm install @hadamard-adapter/lab',
    );
  });

  it('a command that nobody has is a mistake of usage', async () => {
    expect((await cli('fly')).code).toBe(2);
  });
});

describe('hadamard with the lab', () => {
  it('looks for it only where its commands are wanted, or the help that lists them', async () => {
    const { main } = await import('../src/program.js');
    const lab = vi.fn(async () => makeProgram().commands.filter((command) => command.name() === 'demo'));
    const quiet = (['stdout', 'stderr'] as const).map((name) => vi.spyOn(process[name], 'write').mockReturnValue(true));
    try {
      expect(await main(['inspect', '--help'], lab)).toBe(0);
      expect(lab).not.toHaveBeenCalled();
      await main(['sweep'], lab);
      expect(lab).toHaveBeenCalledTimes(1);
    } finally {
      for (const spy of quiet) spy.mockRestore();
    }
  });
});

describe('what is not a dependency', () => {
  const folder = scratchFolder();
  afterEach(() => vi.restoreAllMocks());

  it('is found from the working folder upwards, and from a place that is named', async () => {
    const place = join(folder, 'node_modules', 'only-here');
    mkdirSync(join(folder, 'below'), { recursive: true });
    mkdirSync(place, { recursive: true });
    writeFileSync(join(place, 'package.json'), '{"name": "only-here", "type": "module", "exports": "./main.js"}');
    writeFileSync(join(place, 'main.js'), 'export const answer = 42;');
    expect(findInstalled('only-here')).toBeUndefined();
    expect(findInstalled('only-here', join(folder, 'some-file.js'))).toBe(join(place, 'main.js'));
    vi.spyOn(process, 'cwd').mockReturnValue(join(folder, 'below'));
    const found = findInstalled('only-here');
    expect(found).toBe(join(place, 'main.js'));
    expect(await importFound(found as string)).toMatchObject({ answer: 42 });
  });

  it('is the lab, TensorFlow.js and the fixtures: in this repository the root has them', () => {
    for (const name of ['lab/commands', 'tfjs/conformance', 'conformance-fixtures/package.json'])
      expect(findInstalled(`@hadamard-adapter/${name}`), name).toBeDefined();
  });
});
