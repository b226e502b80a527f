import type { Batch, Files } from '@hadamard-adapter/core';
import { concatChunks, loadAdapter, readEncoder, readModel, saveAdapter, type AdapterSession, type SessionOptions, type Value } from '@hadamard-adapter/onnx';
import type { Tensor } from '@tensorflow/tfjs-core';
import { on } from './devices/devices.js';
import { tokenValue } from './executor.js';
import { constantsOn } from './graph/constants.js';
import { hostOperand } from './graph/operand.js';
import { makeProgram } from './graph/program.js';
import { loadModel } from './load.js';
import type { Tf } from './tf.js';

/** One case's base model, as the suite of `@hadamard-adapter/conformance` hands it over. */
interface ModelSource {
  readonly family: string;
  readonly variant: string;
  readonly model: Uint8Array;
  readonly config: unknown;
}

interface PlainModel {
  predict(batch: Batch): Promise<Float32Array>;
  dispose(): Promise<void>;
}

interface TestedModel extends AdapterSession {
  foldAndReload(): Promise<PlainModel>;
  save(): Promise<Files>;
  restore(files: Files): Promise<void>;
}

/** A driver of the conformance suite for a backend of TensorFlow.js; has the shape of its `Driver`. */
export interface TfjsDriver {
  readonly runtime: string;
  readonly device: string;
  readonly tolerances?: { readonly hidden?: number; readonly logits?: number; readonly gradient?: number; readonly identity?: number; readonly fold?: number };
  load(source: ModelSource, options: SessionOptions): Promise<TestedModel>;
}

/** What the conformance suite needs to test TensorFlow.js on one device: `runSuite(conformanceDriver(tf, 'webgl'), fixtures)`. */
export function conformanceDriver(tf: Tf, device: string): TfjsDriver {
  return {
    runtime: 'tfjs',
    device,
    async load({ family, variant, model, config }, options) {
      const session = await loadModel({ graph: readEncoder(model, { config }) }, { ...options, tf, device });
      return {
        ...session,
        foldAndReload: async () => openPlain(tf, device, concatChunks(await session.fold())),
        save: () => saveAdapter(session, { baseModel: `${family}/${variant}`, labels: [] }),
        async restore(files) {
          await loadAdapter(session, files);
        },
      };
    },
  };
}

/** A folded model, run as the file has it, without any adapter machinery. */
function openPlain(tf: Tf, device: string, model: Uint8Array): PlainModel {
  const constants = constantsOn(tf);
  const graph = readModel(model);
  const program = makeProgram(tf, { ...graph, outputs: graph.outputs.filter(({ name }) => name === 'logits') }, constants);
  return {
    async predict(batch) {
      const logits = on(tf, device, () => {
        program.prepare();
        return tf.tidy(() => program.run(new Map(graph.inputs.map(({ name }) => [name, hostOperand(tf, tokenValue(batch, name) as Value)]))).get('logits') as Tensor);
      });
      try {
        return Float32Array.from(await logits.data());
      } finally {
        logits.dispose();
      }
    },
    async dispose() {
      program.dispose();
      constants.dispose();
    },
  };
}
