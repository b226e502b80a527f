import { HadamardError, METRICS, train, type Checkpoint } from '@hadamard-adapter/core';
import { tokenize, type TokenizedSplit } from '@hadamard-adapter/tasks';
import { activeModel, type ActiveModel } from './active-model.js';
import type { BaseModel } from './base-model.js';
import { complaintOf, type Complaint } from './complaint.js';
import { emptyCurve, growingCurve, type Curve } from './curve.js';
import { isFatal, type BaseFacts, type ModelHost, type OpenModel } from './model-host.js';
import { observable, type Observable } from './observable.js';
import { tableOf, type PreparedData } from './prepared-data.js';
import { LOADING, runProgress, type Activity } from './run-progress.js';
import type { RunSetup, RunStore, SavedRun } from './saved-run.js';
import { majorityScore, withStages, type Scores } from './scores.js';
import { planOf, stepsOf } from './settings.js';

export interface RunState {
  readonly phase: 'none' | 'running' | 'stopping' | 'stopped' | 'finished' | 'failed';
  readonly setup: RunSetup | undefined;
  readonly activity: Activity | undefined;
  readonly curve: Curve | undefined;
  readonly scores: Scores | undefined;
  readonly seconds: number;
  /** There is a checkpoint to go on from. */
  readonly canContinue: boolean;
  readonly complaint: Complaint | undefined;
  /** Why closing the tab would lose the run; undefined when it would not. */
  readonly notKept: string | undefined;
}

export interface Training {
  readonly state: Observable<RunState>;
  start(setup: RunSetup): Promise<void>;
  stop(): void;
  /** Go on from where the run stopped, on whatever device is chosen now. */
  goOn(device: string): Promise<void>;
  /** Take up the run of a tab that was closed. */
  restore(saved: SavedRun): void;
  /** Forget a run that was stopped. */
  forget(): void;
}

export interface TrainingParts {
  readonly base: BaseModel;
  readonly facts: BaseFacts;
  readonly host: ModelHost;
  readonly store: RunStore;
  /** A model that answers, after each epoch and at the end; undefined when there is none any more. */
  onModel(model: ActiveModel | undefined, settled: boolean): void | Promise<void>;
  /** What a person who does not see the page should hear. */
  announce(text: string): void;
}

const NOTHING: RunState = {
  phase: 'none',
  setup: undefined,
  activity: undefined,
  curve: undefined,
  scores: undefined,
  seconds: 0,
  canContinue: false,
  complaint: undefined,
  notKept: undefined,
};

/** Steps between copies on disk: what a closed tab loses. */
const CHECKPOINT_EVERY = 20;
/** Of what training leaves unchanged. The example texts take 60 MiB. */
const MAX_CACHE_BYTES = 192 * 2 ** 20;
/** Between two pictures of a run: steps of stage one come by the hundred a second. */
const REFRESH_MS = 100;

export function training({ base, facts, host, store, onModel, announce }: TrainingParts): Training {
  const state = observable<RunState>(NOTHING);
  let abort: AbortController | undefined;
  /** Where a run that was stopped, or failed, goes on. */
  let pending: SavedRun | undefined;
  /** The session that stopped, if it can go on itself. */
  let open: { readonly model: OpenModel; readonly device: string } | undefined;
  let spent = 0;

  async function splits(
    data: PreparedData,
    signal: AbortSignal,
  ): Promise<{ train: TokenizedSplit; dev: TokenizedSplit }> {
    return {
      train: await tokenize(tableOf(data, data.train), base.tokenizer, { id: 'train', signal }),
      dev: await tokenize(tableOf(data, data.dev), base.tokenizer, { id: 'dev', signal }),
    };
  }

  /** Keep a copy for a tab that is closed. A disk that is full or forbidden must not end the run. */
  async function keep(work: () => Promise<void>): Promise<void> {
    if (state.get().notKept !== undefined) return;
    try {
      if (await store.claim()) await work();
      else
        state.patch({ notKept: 'Another tab trains too, and keeps its copy. If you close this tab, its run is lost.' });
    } catch (error) {
      state.patch({
        notKept:
          `The browser keeps no copy of the run (${error instanceof Error ? error.message : String(error)}). If ` +
          'you close this tab, it is lost.',
      });
    }
  }

  async function follow(
    setup: RunSetup,
    from: { readonly checkpoint: Checkpoint; readonly curve: Curve } | undefined,
  ): Promise<void> {
    const { data, settings, device } = setup;
    const plan = planOf(settings);
    const curve = growingCurve(from?.curve ?? emptyCurve(stepsOf(plan, data.train.length)));
    const progress = runProgress();
    const began = performance.now() - spent;
    abort = new AbortController();
    const { signal } = abort;
    let scores = withStages(majorityScore(data), from?.checkpoint.stages ?? []);
    let shown = 0;
    state.set({
      ...NOTHING,
      phase: 'running',
      setup,
      activity: LOADING,
      curve: curve.snapshot(),
      scores,
      notKept: state.get().notKept,
    });
    try {
      if (from === undefined) await keep(() => store.begin(setup));
      const parts = await splits(data, signal);
      // Another model may have been opened meanwhile, and closed this one.
      if (open === undefined || open.device !== device || open.model !== host.current()) {
        await onModel(undefined, false);
        open = { device, model: await host.open({ numLabels: data.labels.length, device, seed: settings.seed }) };
      }
      const model = activeModel(open.model, base, { origin: 'trained', name: data.name, labels: data.labels });
      const events = train(open.model.session, parts, plan, {
        metric: METRICS.accuracy,
        // The score is of the last epoch: choosing the best one on the texts that are then reported would flatter it.
        selectBest: false,
        maxCacheBytes: MAX_CACHE_BYTES,
        checkpointEvery: CHECKPOINT_EVERY,
        identity: { base: facts.digest },
        signal,
        ...(from === undefined ? {} : { resume: from.checkpoint }),
      });
      let interrupted = false;
      for await (const event of events) {
        curve.add(event);
        const activity = progress(event);
        if (event.type === 'checkpoint') {
          const { checkpoint } = event;
          pending = { setup, checkpoint, curve: curve.snapshot() };
          await keep(() => store.save(checkpoint, curve.snapshot()));
        }
        if (event.type === 'stage-start')
          announce(
            event.stage === 'classifier'
              ? 'Stage 1 of 2: the classifier is trained.'
              : 'Stage 2 of 2: the adapter is trained.',
          );
        if (event.type === 'stage-end')
          scores = withStages(scores, [...(pending?.checkpoint.stages ?? []), event.result]);
        if (event.type === 'epoch-end' && event.stageIndex === 1) await onModel(model, false);
        if (event.type === 'interrupted') interrupted = true;
        if (
          performance.now() - shown < REFRESH_MS &&
          (event.type === 'step' || event.type === 'precompute' || event.type === 'evaluating')
        )
          continue;
        shown = performance.now();
        state.patch({
          activity,
          curve: curve.snapshot(),
          scores,
          seconds: (shown - began) / 1000,
          canContinue: pending !== undefined,
        });
      }
      spent = performance.now() - began;
      await onModel(model, true);
      if (interrupted) {
        state.patch({ phase: 'stopped' });
        announce('Training has stopped. It can be continued.');
        return;
      }
      pending = undefined;
      open = undefined;
      await keep(() => store.discard());
      state.patch({ phase: 'finished', activity: undefined, canContinue: false });
      announce(
        `Training is finished. ${Math.round((scores.adapter ?? 0) * scores.examples)} of ${scores.examples} ` +
          'held-out texts are classified correctly.',
      );
    } catch (error) {
      await fail(error, began);
    }
  }

  async function fail(error: unknown, began: number): Promise<void> {
    spent = performance.now() - began;
    open = undefined;
    await onModel(undefined, true);
    if (isFatal(error)) host.discardWorker();
    else await host.close();
    const stopped = error instanceof HadamardError && error.code === 'ABORTED';
    if (stopped && pending === undefined) state.set(NOTHING);
    else if (stopped) state.patch({ phase: 'stopped', activity: undefined });
    else
      state.patch({
        phase: 'failed',
        activity: undefined,
        complaint: complaintOf(error),
        canContinue: pending !== undefined,
      });
  }

  const isRunning = (): boolean => ['running', 'stopping'].includes(state.get().phase);

  return {
    state,
    async start(setup) {
      if (isRunning()) return;
      pending = undefined;
      open = undefined;
      spent = 0;
      await follow(setup, undefined);
    },
    stop() {
      if (state.get().phase !== 'running') return;
      state.patch({ phase: 'stopping' });
      abort?.abort();
    },
    async goOn(device) {
      if (isRunning() || pending === undefined) return;
      await follow({ ...pending.setup, device }, pending);
    },
    restore(saved) {
      pending = saved;
      const scores = withStages(majorityScore(saved.setup.data), saved.checkpoint.stages);
      state.set({ ...NOTHING, phase: 'stopped', setup: saved.setup, curve: saved.curve, scores, canContinue: true });
    },
    forget() {
      if (isRunning()) return;
      pending = undefined;
      open = undefined;
      void keep(() => store.discard());
      void onModel(undefined, true);
      state.set(NOTHING);
    },
  };
}
