import type { Files } from '@hadamard-adapter/core';
import type { ActiveModel } from './active-model.js';
import { folderName, readAdapterFiles, zipAdapter } from './adapter-files.js';
import { complaintOf, type Complaint } from './complaint.js';
import { observable, type Observable } from './observable.js';
import type { ShownModel } from './shown-model.js';

export interface ExchangeState {
  readonly busy: boolean;
  readonly complaint: Complaint | undefined;
}

/** Adapter folders that leave the page as a .zip, and come back. */
export interface AdapterExchange {
  readonly state: Observable<ExchangeState>;
  /** The adapter as a file; undefined when something went wrong, which `state` then says. */
  pack(accuracy: number | undefined): Promise<{ readonly name: string; readonly blob: Blob } | undefined>;
  load(files: readonly File[]): Promise<void>;
}

export interface ExchangeParts {
  readonly shown: ShownModel;
  open(files: Files): Promise<ActiveModel>;
  announce(text: string): void;
}

export function adapterExchange({ shown, open, announce }: ExchangeParts): AdapterExchange {
  const state = observable<ExchangeState>({ busy: false, complaint: undefined });
  async function busily<T>(work: () => Promise<T>): Promise<T | undefined> {
    state.set({ busy: true, complaint: undefined });
    try {
      const result = await work();
      state.set({ busy: false, complaint: undefined });
      return result;
    } catch (error) {
      state.set({ busy: false, complaint: complaintOf(error) });
      return undefined;
    }
  }
  return {
    state,
    pack: (accuracy) =>
      busily(async () => {
        const { model } = shown.state.get();
        if (model === undefined) throw new Error('there is no adapter');
        const { trainable, total, name } = model;
        const files = await model.files({
          trainable,
          total,
          ...(accuracy === undefined ? {} : { metric: 'accuracy', scores: { accuracy } }),
        });
        return { name: `${folderName(name)}.zip`, blob: zipAdapter(files, folderName(name)) };
      }),
    load: (given) =>
      busily(async () => {
        const model = await open(await readAdapterFiles(given));
        await shown.show(model, true);
        announce(`An adapter was loaded. It tells ${model.labels.length} classes apart.`);
      }).then(() => undefined),
  };
}
