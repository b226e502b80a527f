import { HadamardError } from '@hadamard-adapter/core';
import * as tf from '@tensorflow/tfjs';
import { afterEach, beforeEach, expect } from 'vitest';
import { SEQUENCE, VOCABULARY } from './keras-model.js';

/** The error of a call that must be refused: one of ours. */
export function refused(action: () => unknown): HadamardError {
  let error: unknown;
  try {
    action();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(HadamardError);
  return error as HadamardError;
}

/** The same of a promise. */
export async function rejected(promise: Promise<unknown>): Promise<HadamardError> {
  const error: unknown = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  return refused(() => {
    throw error;
  });
}

/** Values of all weights, by the name that is unique in the process. */
export function weightsOf(layers: readonly tf.layers.Layer[]): Map<string, number[]> {
  return new Map(
    layers.flatMap(({ weights }) => weights).map((weight) => [weight.name, [...weight.read().dataSync()]]),
  );
}

/** Sentences of a toy language, and whether most of their words are from the first half of the vocabulary. */
export function toyTask(rows: number): { x: tf.Tensor2D; y: tf.Tensor2D } {
  // Park and Miller's generator: the same sentences in every run.
  let state = 1;
  const next = (below: number): number => (state = (state * 16_807) % 2_147_483_647) % below;
  const sentences = Array.from({ length: rows }, () => Array.from({ length: SEQUENCE }, () => next(VOCABULARY)));
  const labels = sentences.map((words) =>
    words.filter((word) => word < VOCABULARY / 2).length > SEQUENCE / 2 ? [1, 0] : [0, 1],
  );
  return { x: tf.tensor2d(sentences), y: tf.tensor2d(labels) };
}

/** Predictions as numbers; the tensor is gone. */
export function predictions(model: tf.LayersModel, x: tf.Tensor): number[] {
  return tf.tidy(() => [...(model.predict(x) as tf.Tensor).dataSync()]);
}

/**
 * For every test of a file: models that are given to the answer are disposed of when it ends, and then no tensor may be
 * left over.
 */
export function disposingModels(): <M extends tf.LayersModel>(model: M) => M {
  const open: tf.LayersModel[] = [];
  let tensors = 0;
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => {
    for (const model of open.splice(0)) model.dispose();
    expect(tf.memory().numTensors).toBe(tensors);
  });
  return (model) => {
    open.push(model);
    return model;
  };
}
