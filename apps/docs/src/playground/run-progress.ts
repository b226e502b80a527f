import type { TrainEvent } from '@hadamard-adapter/core';

/** What a run is busy with. */
export interface Activity {
  readonly doing: 'loading' | 'features' | 'steps' | 'scoring';
  /** From 0. */
  readonly stage: number;
  readonly epoch: number;
  readonly epochs: number;
  /** Steps of the stage done. */
  readonly step: number;
  readonly totalSteps: number;
  /** Of the texts of `features` and `scoring`. */
  readonly done: number;
  readonly total: number;
  readonly loss: number | undefined;
  /** Until the stage ends, as far as its steps so far tell. */
  readonly secondsLeft: number | undefined;
}

export const LOADING: Activity = {
  doing: 'loading',
  stage: 0,
  epoch: 0,
  epochs: 0,
  step: 0,
  totalSteps: 0,
  done: 0,
  total: 0,
  loss: undefined,
  secondsLeft: undefined,
};

/** Steps after which their pace is believed. */
const STEPS_TO_JUDGE = 5;

/** Follows the events of a run. */
export function runProgress(now: () => number = () => performance.now()): (event: TrainEvent) => Activity {
  let activity = LOADING;
  let began: { readonly time: number; readonly step: number } | undefined;
  return (event) => {
    switch (event.type) {
      case 'stage-start': {
        const step = event.resumedAt ?? 0;
        began = undefined;
        activity = {
          ...LOADING,
          doing: 'features',
          stage: event.stageIndex,
          epoch: 1,
          epochs: event.epochs,
          step,
          totalSteps: event.totalSteps,
        };
        break;
      }
      case 'precompute':
        activity = { ...activity, doing: 'features', done: event.done, total: event.total };
        break;
      case 'step': {
        // The first step of a stage also makes its graph.
        began ??= { time: now(), step: event.step };
        const steps = event.step - began.step;
        const secondsLeft =
          steps < STEPS_TO_JUDGE ? undefined : ((now() - began.time) / 1000 / steps) * (event.totalSteps - event.step);
        activity = {
          ...activity,
          doing: 'steps',
          epoch: event.epoch,
          step: event.step,
          totalSteps: event.totalSteps,
          loss: event.loss,
          secondsLeft,
        };
        break;
      }
      case 'evaluating':
        activity = { ...activity, doing: 'scoring', done: event.done, total: event.total };
        break;
      default:
    }
    return activity;
  };
}
