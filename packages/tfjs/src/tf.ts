import { ConfigError } from '@hadamard-adapter/core';
import type * as core from '@tensorflow/tfjs-core';

/**
 * The person's own TensorFlow.js: `@tensorflow/tfjs`, `@tensorflow/tfjs-core`, `@tensorflow/tfjs-node` and `-node-gpu`
 * all are one.
 */
export type Tf = typeof core;

/** Major version whose operators and gradients this package is written against. */
const MAJOR = 4;

/**
 * Check an injected TensorFlow.js before anything is computed with it.
 *
 * @throws ConfigError TF_MISSING; TF_VERSION; TF_COPIES when the page or process holds two copies and this is not the
 *   one that backends register with.
 */
export function checkTf(tf: Tf | undefined): Tf {
  if (typeof tf?.engine !== 'function' || typeof tf.variableGrads !== 'function') {
    throw new ConfigError('TensorFlow.js has to be given', {
      code: 'TF_MISSING',
      found: tf === undefined ? 'nothing' : 'something else',
      expected: 'option tf',
      hint: "import * as tf from '@tensorflow/tfjs', and pass it as { tf }.",
    });
  }
  const version = tf.version_core;
  if (Number.parseInt(version, 10) !== MAJOR) {
    throw new ConfigError('This version of TensorFlow.js is not supported', {
      code: 'TF_VERSION',
      found: version,
      expected: `${MAJOR}.x`,
      hint: 'npm install @tensorflow/tfjs@4',
    });
  }
  // Copies share one engine, which the first of them made with its own classes.
  if (!(tf.env() instanceof tf.Environment)) {
    throw new ConfigError('There are two copies of @tensorflow/tfjs-core', {
      code: 'TF_COPIES',
      found: `another copy than this one (${version}) was loaded first`,
      expected: 'one copy, which backends, layers and this package share',
      hint: 'Look for it with "npm ls @tensorflow/tfjs-core", and let the bundler dedupe it (Vite: resolve.dedupe).',
    });
  }
  return tf;
}
