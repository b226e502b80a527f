import { readTable, type RawTable, type TableFormat } from '@hadamard-adapter/tasks';
import { expose } from 'comlink';
import { prepareExamples, prepareTable, type PrepareOptions, type PreparedData } from '../prepared-data.js';
import { summarize, type ColumnChoice, type TableSummary } from '../table-summary.js';
import { reply, type Reply } from './reply.js';

/** Reads tables where a large or strange one holds up nobody. The rows stay here; the page gets what it shows. */
export interface DataWorker {
  read(file: Blob, name: string, format: TableFormat | undefined): Promise<Reply<TableSummary>>;
  /** Examples of the table that was read last. */
  prepare(columns: ColumnChoice, options: PrepareOptions): Promise<Reply<PreparedData>>;
  prepareExamples(train: Uint8Array, test: Uint8Array, options: PrepareOptions): Promise<Reply<PreparedData>>;
}

let table: RawTable | undefined;

const worker: DataWorker = {
  read: (file, name, format) =>
    reply(async () => {
      table = undefined;
      const bytes = new Uint8Array(await file.arrayBuffer());
      table = await readTable(bytes, name, format);
      return summarize(table);
    }),
  prepare: (columns, options) =>
    reply(() => {
      if (table === undefined) throw new Error('no table was read');
      return prepareTable(table, columns, options);
    }),
  prepareExamples: (train, test, options) => reply(() => prepareExamples(train, test, options)),
};

expose(worker);
