import type { Driver, PlainModel } from '@hadamard-adapter/core/driver';
import { present } from '@hadamard-adapter/core/internal';
import { makeConformanceDriver, tokenValue } from '@hadamard-adapter/runtime/internal';
import { readModel } from '@hadamard-adapter/graph/internal';
import { withBackend } from './devices/with-backend.js';
import { Constants } from './graph/constants.js';
import { hostOperand } from './graph/operand.js';
import { Program } from './graph/program.js';
import { loadModel } from './load.js';
import { read } from './read.js';
import type { Tf } from './tf.js';

/**
 * What the conformance suite needs to test TensorFlow.js on one device: `runSuite(conformanceDriver(tf, 'webgl'),
 * fixtures)`.
 */
export function conformanceDriver(tf: Tf, device: string): Driver {
  return makeConformanceDriver({
    runtime: 'tfjs',
    device,
    load: (graph, options) => loadModel({ graph }, { ...options, tf, device }),
    openPlain: (model) => openPlain(tf, device, model),
  });
}

/** A folded model, run as the file has it. */
function openPlain(tf: Tf, device: string, model: Uint8Array): PlainModel {
  const constants = new Constants(tf);
  const graph = readModel(model);
  const program = new Program(
    tf,
    { ...graph, outputs: graph.outputs.filter(({ name }) => name === 'logits') },
    constants,
  );
  return {
    predict(batch) {
      const feeds = (): Map<string, ReturnType<typeof hostOperand>> =>
        new Map(graph.inputs.map(({ name }) => [name, hostOperand(tf, present(tokenValue(batch, name)))]));
      return read(
        withBackend(tf, device, () => {
          program.prepare();
          return tf.tidy(() => present(program.run(feeds()).get('logits')));
        }),
      );
    },
    async dispose() {
      program.dispose();
      constants.dispose();
    },
  };
}
