import type { ActiveModel } from './active-model.js';
import type { LayerMap } from './layer-map.js';
import { observable, type Observable } from './observable.js';

export interface ShownState {
  readonly model: ActiveModel | undefined;
  readonly map: LayerMap | undefined;
  /** Nothing is being trained on it: it can be asked. */
  readonly settled: boolean;
}

/** The model that the page shows: its adapter as a map, and whether texts can be put to it. */
export interface ShownModel {
  readonly state: Observable<ShownState>;
  show(model: ActiveModel | undefined, settled: boolean): Promise<void>;
}

export function shownModel(): ShownModel {
  const state = observable<ShownState>({ model: undefined, map: undefined, settled: true });
  return {
    state,
    async show(model, settled) {
      if (model === undefined) state.set({ model, map: undefined, settled });
      else state.set({ model, map: await model.layers(), settled });
    },
  };
}
