import { wrap } from 'comlink';
import { complaintOf, type Complaint } from './complaint.js';
import { checkFile, checkPaste, formatOfPaste } from './input.js';
import { observable, type Observable } from './observable.js';
import type { PreparedData } from './prepared-data.js';
import type { Settings } from './settings.js';
import type { ColumnChoice, TableSummary } from './table-summary.js';
import type { DataWorker } from './workers/data.worker.js';
import { valueOf } from './workers/reply.js';

export type SourceKind = 'example' | 'paste' | 'file';

export interface DataState {
  readonly kind: SourceKind;
  readonly busy: boolean;
  /** The table that was read, when it is one's own. */
  readonly table: TableSummary | undefined;
  readonly columns: ColumnChoice | undefined;
  /** Ready to train on. */
  readonly data: PreparedData | undefined;
  readonly complaint: Complaint | undefined;
}

export interface DataSource {
  readonly state: Observable<DataState>;
  choose(kind: SourceKind): void;
  read(file: File): void;
  readText(text: string): void;
  chooseColumns(columns: ColumnChoice): void;
  /** Take the examples anew, after the limit, the share or the seed changed. */
  refresh(): Promise<void>;
  /** Data of a run that goes on. */
  restore(data: PreparedData, kind: SourceKind): void;
  refuse(error: unknown): void;
}

const NOTHING = { busy: false, table: undefined, columns: undefined, data: undefined, complaint: undefined } as const;

export function dataSource(
  examples: { readonly train: Uint8Array; readonly test: Uint8Array },
  settings: () => Settings,
): DataSource {
  const worker = wrap<DataWorker>(
    new Worker(new URL('./workers/data.worker.ts', import.meta.url), { type: 'module' }),
  ) as unknown as DataWorker;
  const state = observable<DataState>({ kind: 'example', ...NOTHING });
  let latest = 0;

  const options = (): { limit: number; heldOut: number; seed: number } => {
    const { limit, heldOut, seed } = settings();
    return { limit, heldOut: heldOut / 100, seed };
  };

  /** What comes too late, because something else was chosen meanwhile, is dropped. */
  async function work(start: Partial<DataState>, task: () => Promise<Partial<DataState>>): Promise<void> {
    const mine = ++latest;
    state.patch({ busy: true, data: undefined, complaint: undefined, ...start });
    try {
      const result = await task();
      if (mine === latest) state.patch({ busy: false, ...result });
    } catch (error) {
      if (mine === latest) state.patch({ busy: false, complaint: complaintOf(error) });
    }
  }

  const prepare = async (columns: ColumnChoice): Promise<Partial<DataState>> => ({
    columns,
    data: valueOf(await worker.prepare(columns, options())),
  });

  function readTable(blob: Blob, name: string, kind: SourceKind, format?: ReturnType<typeof formatOfPaste>): void {
    void work({ kind, table: undefined, columns: undefined }, async () => {
      const table = valueOf(await worker.read(blob, name, format));
      state.patch({ table, columns: table.guess });
      return prepare(table.guess);
    });
  }

  const refuse = (error: unknown): void => {
    latest++;
    state.patch({ ...NOTHING, complaint: complaintOf(error) });
  };

  const source: DataSource = {
    state,
    choose(kind) {
      latest++;
      state.set({ kind, ...NOTHING });
      if (kind === 'example') void source.refresh();
    },
    read(file) {
      state.patch({ kind: 'file' });
      try {
        checkFile(file);
        readTable(file, file.name, 'file');
      } catch (error) {
        refuse(error);
      }
    },
    readText(text) {
      if (text.trim() === '') {
        source.choose('paste');
        return;
      }
      try {
        checkPaste(text.length);
        readTable(new Blob([text]), 'The pasted table', 'paste', formatOfPaste(text));
      } catch (error) {
        refuse(error);
      }
    },
    chooseColumns: (columns) => void work({ columns }, () => prepare(columns)),
    async refresh() {
      const { kind, columns, table } = state.get();
      if (kind === 'example')
        await work({}, async () => ({
          data: valueOf(await worker.prepareExamples(examples.train, examples.test, options())),
        }));
      else if (table !== undefined && columns !== undefined) await work({}, () => prepare(columns));
    },
    restore(data, kind) {
      latest++;
      state.set({ kind, ...NOTHING, data });
    },
    refuse,
  };
  return source;
}
