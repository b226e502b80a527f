import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { env } from '@huggingface/transformers';
import { afterAll, describe, expect, it } from 'vitest';
import { concatChunks, readModel, writeModelWithExternalData } from '@hadamard-adapter/graph/internal';
import type { LibraryEnv } from '@hadamard-adapter/hub/internal';
import { readModelFile } from '../src/model-file.js';
import { ASSETS, failure } from './support.js';

const folder = mkdtempSync(join(tmpdir(), 'hadamard-model-file-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const settings: LibraryEnv = {
  ...(env as unknown as LibraryEnv),
  allowRemoteModels: false,
  allowLocalModels: true,
  localModelPath: join(folder, 'models'),
  cacheDir: join(folder, 'cache'),
  useBrowserCache: false,
};

describe('an ONNX file', () => {
  it('brings the files that hold its weights', async () => {
    const graph = readModel(new Uint8Array(readFileSync(join(ASSETS, 'mini-bert/onnx/model.onnx'))));
    const target = join(folder, 'models', 'org', 'split', 'onnx');
    mkdirSync(target, { recursive: true });
    const parts: Uint8Array[] = [];
    let offset = 0;
    const model = writeModelWithExternalData(graph, (_, { bytes }) => {
      if (bytes.byteLength < 2048) return undefined;
      parts.push(bytes);
      offset += bytes.byteLength;
      return { location: 'model.onnx_data', offset: offset - bytes.byteLength, length: bytes.byteLength };
    });
    writeFileSync(join(target, 'model.onnx'), model);
    const error = await failure(readModelFile(settings, 'org/split', {}));
    expect(error.message).toContain('onnx/model.onnx_data');
    writeFileSync(join(target, 'model.onnx_data'), concatChunks(parts));
    const read = await readModelFile(settings, 'org/split', {});
    expect(read.nodes).toHaveLength(graph.nodes.length);
    expect([...read.tensors.values()].reduce((sum, { bytes }) => sum + bytes.byteLength, 0)).toBe(
      [...graph.tensors.values()].reduce((sum, { bytes }) => sum + bytes.byteLength, 0),
    );
  });
});
