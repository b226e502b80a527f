import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { failure } from '../../onnxruntime/tests/support/failure.js';
import { checkWritable, writeFolder } from '../src/files/write-folder.js';
import { writeFileAtomically } from '../src/files/write-files.js';

const root = mkdtempSync(join(tmpdir(), 'hadamard-write-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const text = (path: string): string => readFileSync(join(root, path), 'utf8');
async function* broken(): AsyncGenerator<Uint8Array> {
  yield Uint8Array.of(1);
  throw new Error('cut off');
}

describe('a folder', () => {
  it('is there whole, and replaced whole', async () => {
    await writeFolder(join(root, 'made', 'model'), {
      'a.json': '{}',
      'onnx/model.onnx': [Uint8Array.of(65), Uint8Array.of(66)],
    });
    expect(text('made/model/onnx/model.onnx')).toBe('AB');
    await writeFolder(join(root, 'made', 'model'), { 'a.json': '[]' }, ['a.json', 'onnx/model.onnx']);
    expect(readdirSync(join(root, 'made', 'model'))).toEqual(['a.json']);
    expect(readdirSync(join(root, 'made'))).toEqual(['model']);
  });

  it('with files of somebody else stays', async () => {
    mkdirSync(join(root, 'theirs', 'onnx'), { recursive: true });
    writeFileSync(join(root, 'theirs', 'onnx', 'notes.txt'), 'mine');
    const error = await failure(writeFolder(join(root, 'theirs'), { 'onnx/model.onnx': 'x' }));
    expect(error).toMatchObject({ code: 'OUTPUT_OCCUPIED' });
    expect(error.found).toContain('onnx/notes.txt');
  });

  it('is as it was when a file cannot be written', async () => {
    await writeFolder(join(root, 'half'), { a: 'old' });
    await expect(writeFolder(join(root, 'half'), { a: 'new', b: broken() }, ['a', 'b'])).rejects.toThrow('cut off');
    expect(text('half/a')).toBe('old');
    expect(readdirSync(root).filter((name) => name.includes('.tmp'))).toEqual([]);
  });

  it('that cannot be written is known beforehand', async () => {
    writeFileSync(join(root, 'file'), '');
    expect(await failure(checkWritable(join(root, 'file', 'below')))).toMatchObject({ code: 'OUTPUT_UNWRITABLE' });
    expect(await failure(checkWritable('/proc/none/below'))).toMatchObject({ code: 'OUTPUT_UNWRITABLE' });
    await checkWritable(join(root, 'new', 'output'));
    expect(readdirSync(join(root, 'new'))).toEqual([]);
  });
});

describe('a file', () => {
  it('is written whole or not at all', async () => {
    const path = join(root, 'files', 'one');
    await writeFileAtomically(path, 'old');
    await expect(writeFileAtomically(path, broken())).rejects.toThrow('cut off');
    expect(text('files/one')).toBe('old');
    expect(readdirSync(join(root, 'files'))).toEqual(['one']);
  });
});
