import { METRICS, baselineScores, type StageResult } from '@hadamard-adapter/core';
import type { PreparedData } from './prepared-data.js';

/** Accuracy on the held-out examples; those of stages that are not finished are undefined. */
export interface Scores {
  readonly examples: number;
  readonly majority: number;
  readonly classifier: number | undefined;
  readonly adapter: number | undefined;
}

/** What always answering with the most frequent class of the training examples would score. */
export function majorityScore({ labels, train, dev }: PreparedData): Scores {
  const of = (examples: PreparedData['dev']): Float32Array =>
    Float32Array.from(examples, ({ label }) => label as number);
  return {
    examples: dev.length,
    majority: baselineScores(of(train), of(dev), METRICS.accuracy, 'cross-entropy', labels.length)['accuracy'] ?? 0,
    classifier: undefined,
    adapter: undefined,
  };
}

export function withStages(scores: Scores, stages: readonly StageResult[]): Scores {
  const of = (name: string): number | undefined => stages.find((stage) => stage.name === name)?.score;
  return { ...scores, classifier: of('classifier'), adapter: of('adapter') };
}
