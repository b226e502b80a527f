import { DataError } from '@hadamard-adapter/core';
import type { Answer } from './active-model.js';
import { complaintOf, type Complaint } from './complaint.js';
import { observable, type Observable } from './observable.js';
import type { ShownModel } from './shown-model.js';

export interface TrialState {
  readonly busy: boolean;
  readonly answer: (Answer & { readonly labels: readonly string[] }) | undefined;
  readonly complaint: Complaint | undefined;
}

/** A typed text, and what the model says of it. */
export interface Trial {
  readonly state: Observable<TrialState>;
  ask(text: string): Promise<void>;
}

export function trial({ state: shown }: ShownModel, announce: (text: string) => void): Trial {
  const state = observable<TrialState>({ busy: false, answer: undefined, complaint: undefined });
  // What another model answered is of no interest any more.
  let model = shown.get().model;
  shown.subscribe((next) => {
    if (next.model?.labels !== model?.labels || next.model === undefined)
      state.set({ busy: false, answer: undefined, complaint: undefined });
    model = next.model;
  });
  return {
    state,
    async ask(text) {
      if (model === undefined || !shown.get().settled) return;
      const { labels } = model;
      state.set({ busy: true, answer: undefined, complaint: undefined });
      try {
        if (text.trim() === '')
          throw new DataError('There is no text to classify', { code: 'TEXT_EMPTY', hint: 'Type one.' });
        const answer = await model.classify(text);
        state.set({ busy: false, answer: { ...answer, labels }, complaint: undefined });
        const [best] = ranked(answer.withAdapter);
        if (best !== undefined)
          announce(
            `${labels[best]}, ${percent(answer.withAdapter[best] ?? 0)}; without the adapter ` +
              `${percent(answer.without[best] ?? 0)}.`,
          );
      } catch (error) {
        state.set({ busy: false, answer: undefined, complaint: complaintOf(error) });
      }
    },
  };
}

/** Classes by probability, the most probable first. */
export const ranked = (probabilities: Float32Array): number[] =>
  Array.from(probabilities.keys()).toSorted((a, b) => (probabilities[b] as number) - (probabilities[a] as number));

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
