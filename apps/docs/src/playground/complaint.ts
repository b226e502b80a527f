import { HadamardError } from '@hadamard-adapter/core';

/** What went wrong, as the page shows it: a sentence, and what to do. */
export interface Complaint {
  readonly code: string;
  readonly message: string;
}

/** What to do on this page, where the package that complains knows only of files and options. */
const ADVICE: Readonly<Record<string, string>> = {
  DATA_ONE_CLASS: 'Add rows of another class, or choose another column for the class.',
  DEVICE_LOST: 'The last step is kept: choose a device and press Continue.',
  DEVICE_UNAVAILABLE: 'Choose the device WASM, which works everywhere.',
  HOLDOUT: 'Add rows, or change the share that is held out.',
  LABEL_COUNT: 'Choose the column that holds the class.',
  LABEL_MISSING: 'Fill them in, leave these rows out, or choose another column for the class.',
  OUT_OF_MEMORY: 'Choose a smaller batch or fewer examples, and close other tabs.',
  TABLE_COLUMNS: 'Give every column a name of its own in the first line.',
  TABLE_EMPTY: 'The first line names the columns, and every further line is an example.',
  TABLE_FORMAT: 'Save the table as CSV, TSV, JSON Lines or Parquet.',
  TEXT_ENCODING: 'Save the table as CSV in UTF-8.',
  WASM_LOAD: 'Load the page again.',
  WORKER_FAILED: 'Press Continue if there is such a button, or load the page again.',
};

export function complaintOf(error: unknown): Complaint {
  if (!(error instanceof HadamardError)) {
    return {
      code: 'UNEXPECTED',
      message:
        `Something went wrong that should not: ${error instanceof Error ? error.message : String(error)}. Load the ` +
        'page again; if it happens again, please report it.',
    };
  }
  const { what, code, found, expected, hint } = error;
  const advice = ADVICE[code] ?? hint;
  const { message } = new HadamardError(what, {
    code,
    ...(found === undefined ? {} : { found }),
    ...(expected === undefined ? {} : { expected }),
    ...(advice === undefined ? {} : { hint: advice }),
  });
  return { code, message: /[.!?]$/.test(message) ? message : `${message}.` };
}
