import type { Checkpoint, EpochRecord, StageResult } from './checkpoint.js';
import type { Group } from '../model/model.js';

/** Which stage an event belongs to; `stageIndex` counts from 0. */
interface InStage {
  readonly stage: string;
  readonly stageIndex: number;
}

export interface StageStartEvent extends InStage {
  readonly type: 'stage-start';
  readonly groups: readonly Group[];
  /** Numbers trained in this stage. */
  readonly trainable: number;
  readonly epochs: number;
  readonly totalSteps: number;
  /** Training rows over all epochs. */
  readonly totalExamples: number;
  /** Steps of this stage done before, when the run was resumed inside it. */
  readonly resumedAt?: number;
}

/** Activations that the stage leaves unchanged are computed ahead. */
export interface PrecomputeEvent extends InStage {
  readonly type: 'precompute';
  readonly split: string;
  readonly done: number;
  readonly total: number;
}

export interface StepEvent extends InStage {
  readonly type: 'step';
  /** Counted from 1. */
  readonly epoch: number;
  /** Steps of the stage done, this one included. */
  readonly step: number;
  readonly totalSteps: number;
  /** Mean loss over the rows of this step, before the update. */
  readonly loss: number;
  readonly learningRate: number;
  /** Training rows of the stage done, counted once per epoch. */
  readonly examples: number;
  readonly totalExamples: number;
}

/** Progress of an evaluation on the dev split. */
export interface EvaluatingEvent extends InStage {
  readonly type: 'evaluating';
  readonly epoch: number;
  readonly done: number;
  readonly total: number;
}

export interface EvaluationEvent extends InStage {
  readonly type: 'evaluation';
  readonly epoch: number;
  readonly loss: number;
  readonly score: number;
  readonly scores: Readonly<Record<string, number>>;
  /** The best epoch of the stage so far. */
  readonly best: boolean;
}

export interface EpochEndEvent extends InStage {
  readonly type: 'epoch-end';
  readonly record: EpochRecord;
}

/** A snapshot to save. It shares no memory with the run. */
export interface CheckpointEvent extends InStage {
  readonly type: 'checkpoint';
  readonly checkpoint: Checkpoint;
}

export interface StageEndEvent extends InStage {
  readonly type: 'stage-end';
  readonly result: StageResult;
}

/** The signal was aborted; a checkpoint event came just before. */
export interface InterruptedEvent {
  readonly type: 'interrupted';
  readonly result: TrainResult;
}

export interface EndEvent {
  readonly type: 'end';
  readonly result: TrainResult;
}

export type TrainEvent =
  | StageStartEvent
  | PrecomputeEvent
  | StepEvent
  | EvaluatingEvent
  | EvaluationEvent
  | EpochEndEvent
  | CheckpointEvent
  | StageEndEvent
  | InterruptedEvent
  | EndEvent;

export interface TrainResult {
  /** Finished stages. */
  readonly stages: readonly StageResult[];
  readonly history: readonly EpochRecord[];
  readonly interrupted: boolean;
}
