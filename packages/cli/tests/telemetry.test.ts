import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { EMBEDDED_MODEL } from '../src/assets.js';
import { scratchFolder } from './support/cli.js';

const DIST = join(import.meta.dirname, '..', 'dist');
const folder = scratchFolder();

/**
 * What a process leaves that reports: an identifier of the device in the home directory and a log in the temporary one.
 * ONNX Runtime never reports on CI, hence the empty environment.
 */
async function traces(name: string, args: readonly string[]): Promise<string[]> {
  const home = join(folder, name);
  const temporary = join(home, 'tmp');
  mkdirSync(temporary, { recursive: true });
  await promisify(execFile)(process.execPath, args, {
    cwd: DIST,
    env: { PATH: dirname(process.execPath), HOME: home, TMPDIR: temporary },
  });
  return readdirSync(home, { recursive: true })
    .map(String)
    .filter((path) => /onnxruntime|mat-debug/i.test(path));
}

describe('ONNX Runtime leaves no trace', () => {
  it('runs what npm test has built', () => {
    expect(existsSync(join(DIST, 'bin.js')), 'build first: npm run build').toBe(true);
  });

  it('of a session of the library', async () => {
    const program = `
      import { readFileSync } from 'node:fs';
      import { loadModel } from '@hadamard-adapter/onnxruntime';
      const session = await loadModel({ model: readFileSync(${JSON.stringify(join(EMBEDDED_MODEL, 'onnx', 'model.onnx'))}) }, { numLabels: 2 });
      await session.predict({ batch: 1, sequence: 2, inputIds: Int32Array.of(2, 3), attentionMask: Int32Array.of(1, 1) });
      await session.dispose();
    `;
    expect(await traces('library', ['--input-type=module', '--eval', program])).toEqual([]);
  });

  it('of a command that opens it without the library', async () => {
    expect(
      await traces('command', [
        join(DIST, 'bin.js'),
        'bench',
        'floor',
        '--model',
        'L2-H128',
        '--sequence',
        '8',
        '--rounds',
        '1',
      ]),
    ).toEqual([]);
  });
});
