import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { EMBEDDED_MODEL, EXAMPLE_DATA } from '../src/assets.js';
import { scratchFolder } from './support/cli.js';

const BIN = join(import.meta.dirname, '..', 'dist', 'bin.js');
const folder = scratchFolder();

/**
 * Long enough that a signal comes in the middle, small enough to be run often; one thread, for other tests want theirs.
 */
const RUN = [
  'train',
  '--model',
  EMBEDDED_MODEL,
  '--train',
  EXAMPLE_DATA.train,
  '--dev',
  EXAMPLE_DATA.test,
  '--limit',
  '64',
  '--threads',
  '1',
  '--classifier-epochs',
  '2',
  '--epochs',
  '3',
  '--dropout',
  '0.1',
  '--seed',
  '5',
];

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Run the built command line as a process of its own; `stopAt` sends it Ctrl-C when that text appears. */
async function run(output: string, flags: readonly string[], stopAt?: string): Promise<Ended> {
  const child = spawn(process.execPath, [BIN, ...RUN, '--output', output, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const written = { stdout: '', stderr: '' };
  let stopped = false;
  child.stdout.on('data', (chunk) => (written.stdout += chunk));
  child.stderr.on('data', (chunk) => {
    written.stderr += chunk;
    if (stopAt === undefined || stopped || !written.stderr.includes(stopAt)) return;
    stopped = true;
    child.kill('SIGINT');
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...written };
}

const tensors = (output: string): Buffer => readFileSync(join(output, 'adapter_model.safetensors'));

describe('Ctrl-C', () => {
  const whole = join(folder, 'whole');
  beforeAll(async () => {
    const { code, stderr } = await run(whole, []);
    expect(code, stderr).toBe(0);
  });

  it('runs what npm test has built', () => {
    expect(existsSync(BIN), 'build first: npm run build').toBe(true);
  });

  it.each([
    ['in stage one', 'classifier epoch 1'],
    ['in stage two', 'adapter epoch 1'],
  ])('%s leaves a checkpoint from which the same numbers come out', async (name, stopAt) => {
    const broken = join(folder, name, 'broken');

    const first = await run(broken, [], stopAt);
    expect(first.code, first.stderr).toBe(130);
    expect(first.stdout).toContain('--resume');
    expect(existsSync(broken)).toBe(false);
    expect(readdirSync(join(folder, name)).toSorted()).toEqual(['broken.checkpoint']);

    const second = await run(broken, ['--resume']);
    expect(second.code, second.stderr).toBe(0);
    expect(tensors(broken).equals(tensors(whole))).toBe(true);
    expect(readdirSync(join(folder, name)).toSorted()).toEqual(['broken']);
  });

  it('a checkpoint of another run is refused', async () => {
    const output = join(folder, 'other');
    expect((await run(output, [], 'classifier epoch 1')).code).toBe(130);
    const resumed = await run(output, ['--resume', '--lr', '0.5']);
    expect(resumed.code).toBe(1);
    expect(resumed.stderr).toMatch(/error \[CHECKPOINT_\w+\]/);
  });
});
