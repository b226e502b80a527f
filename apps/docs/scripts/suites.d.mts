/** A run of `hadamard verify`; `selection` says in words what `filter` leaves. */
export interface VerifyRun {
  readonly runtime: string;
  readonly device: string;
  readonly filter?: readonly string[];
  readonly selection: string;
  /** Runs on the software Vulkan of Chromium where there is no other. */
  readonly vulkan?: boolean;
}

/** A test that runs the suite in Chromium; `keys` answers which cases a family gets there. */
export interface BrowserSuite {
  readonly runtime: string;
  readonly device: string;
  readonly file: string;
  readonly suite: string;
  readonly families?: readonly string[];
  keys(family: string): readonly (string | undefined)[];
}

export const VERIFY_RUNS: readonly VerifyRun[];
export const BROWSER_SUITES: readonly BrowserSuite[];
