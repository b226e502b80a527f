import { adapterExchange, type AdapterExchange } from './adapter-exchange.js';
import { fetchBaseModel } from './base-model.js';
import { dataSource, type DataSource } from './data-source.js';
import { devices, type Devices } from './devices.js';
import { openAdapter } from './load-adapter.js';
import { modelHost } from './model-host.js';
import { observable, type Observable, type Source } from './observable.js';
import { runStore, type SavedRun } from './saved-run.js';
import { DEFAULTS, type Settings } from './settings.js';
import { shownModel, type ShownModel } from './shown-model.js';
import { training, type Training } from './training.js';
import { trial, type Trial } from './trial.js';

/** Everything on the page that is no picture. */
export interface Playground {
  readonly settings: Source<Settings>;
  readonly devices: Devices;
  readonly data: DataSource;
  readonly training: Training;
  readonly shown: ShownModel;
  readonly trial: Trial;
  readonly adapters: AdapterExchange;
  /** The run of a tab that was closed, until it is taken up or dropped. */
  readonly saved: Source<SavedRun | undefined>;
  /** What is to be read out. */
  readonly announcement: Observable<string>;
  start(): void;
  goOn(): void;
  /** Take up the saved run. */
  resume(): void;
  /** Drop it. */
  discard(): void;
}

/**
 * Fetch all that training needs, and run the base model once. When this resolves the network may go.
 *
 * @param folder address of the embedded model and texts.
 * @param onProgress bytes of them so far.
 */
export async function loadPlayground(folder: URL, onProgress: (bytes: number) => void): Promise<Playground> {
  const base = await fetchBaseModel(folder, onProgress);
  const host = modelHost(base);
  const store = runStore();
  const settings = observable(DEFAULTS);
  const announcement = observable('');
  const announce = announcement.set;
  const saved = observable<SavedRun | undefined>(undefined);
  const data = dataSource(base.examples, settings.get);
  // Workers have their scripts when they answer.
  const [facts, found] = await Promise.all([host.prepare(), store.find().catch(() => undefined), data.refresh()]);
  saved.set(found);

  const shown = shownModel();
  const choice = devices(host);
  const run = training({ base, facts, host, store, onModel: shown.show, announce });
  void choice.probe();

  run.state.subscribe(({ phase, complaint, setup }) => {
    if (phase === 'failed' && complaint?.code === 'DEVICE_LOST' && setup !== undefined) choice.lost(setup.device);
  });

  const takeUp = (found: SavedRun): void => {
    saved.set(undefined);
    settings.set(found.setup.settings);
    data.restore(found.setup.data, found.setup.kind);
    run.restore(found);
  };

  return {
    settings,
    devices: choice,
    data,
    training: run,
    shown,
    trial: trial(shown, announce),
    adapters: adapterExchange({
      shown,
      announce,
      open: (files) =>
        shown.show(undefined, true).then(() => openAdapter(files, choice.state.get().chosen, { base, facts, host })),
    }),
    saved,
    announcement,
    start() {
      const { data: prepared, kind } = data.state.get();
      if (prepared === undefined) return;
      // A new run takes its place.
      saved.set(undefined);
      void run.start({ data: prepared, kind, settings: settings.get(), device: choice.state.get().chosen });
    },
    goOn: () => void run.goOn(choice.state.get().chosen),
    resume() {
      const found = saved.get();
      if (found === undefined) return;
      takeUp(found);
      void run.goOn(choice.state.get().chosen);
    },
    discard() {
      saved.set(undefined);
      void store.discard().catch(() => undefined);
    },
  };
}
