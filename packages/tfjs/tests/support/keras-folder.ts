import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { io } from '@tensorflow/tfjs';

/**
 * A model in a folder: model.json and weights.bin. TensorFlow.js without tfjs-node reads and writes no files by itself.
 */
export function folder(path: string): io.IOHandler {
  return {
    async save({ weightData, ...model }) {
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, 'model.json'), JSON.stringify(model));
      writeFileSync(join(path, 'weights.bin'), new Uint8Array(weightData as ArrayBuffer));
      return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: 'JSON' } };
    },
    async load() {
      const model = JSON.parse(readFileSync(join(path, 'model.json'), 'utf8')) as io.ModelArtifacts;
      return { ...model, weightData: Uint8Array.from(readFileSync(join(path, 'weights.bin'))).buffer };
    },
  };
}
