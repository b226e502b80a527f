import type { TrainEvent } from '@hadamard-adapter/core';

/** How a run went so far: what the chart and the table of epochs show. Plain JSON: it is kept beside a checkpoint. */
export interface Curve {
  /** Steps of each stage, planned. */
  readonly planned: readonly number[];
  /** Training loss of each step that was done, by stage. */
  readonly losses: readonly (readonly number[])[];
  readonly epochs: readonly EpochPoint[];
}

export interface EpochPoint {
  readonly stage: number;
  readonly epoch: number;
  /** Steps of the stage done when it ended. */
  readonly step: number;
  /** Mean training loss of the epoch. */
  readonly loss: number;
  /** On the held-out examples. */
  readonly heldOutLoss: number;
  readonly accuracy: number;
}

export const emptyCurve = (planned: readonly number[]): Curve => ({
  planned,
  losses: planned.map(() => []),
  epochs: [],
});

/**
 * A curve that grows with the events of a run. Appending to one array for thousands of steps is what makes it cheap;
 * readers get a snapshot.
 */
export function growingCurve({ planned, ...before }: Curve): { add(event: TrainEvent): void; snapshot(): Curve } {
  const losses = before.losses.map((stage) => [...stage]);
  const epochs = [...before.epochs];
  return {
    add(event) {
      if (event.type === 'step') losses[event.stageIndex]?.push(event.loss);
      if (event.type === 'epoch-end') {
        const { stageIndex: stage, record } = event;
        epochs.push({
          stage,
          epoch: record.epoch,
          step: losses[stage]?.length ?? 0,
          loss: record.loss,
          heldOutLoss: record.devLoss ?? 0,
          accuracy: record.score ?? 0,
        });
      }
    },
    snapshot: () => ({ planned, losses: losses.map((stage) => [...stage]), epochs: [...epochs] }),
  };
}

/** @throws Error for anything else than a curve. */
export function parseCurve(text: string): Curve {
  const value = JSON.parse(text) as Partial<Curve>;
  const numbers = (list: unknown): boolean => Array.isArray(list) && list.every((each) => typeof each === 'number');
  if (
    !numbers(value.planned) ||
    !Array.isArray(value.losses) ||
    value.losses.length !== value.planned?.length ||
    !value.losses.every(numbers) ||
    !Array.isArray(value.epochs)
  )
    throw new Error('not a curve');
  return value as Curve;
}
