/** What an error says besides what went wrong. */
export interface ErrorDetails {
  /** Stable, machine-readable name of the failure, e.g. `ONNX_CYCLE`. Documented; never renamed in a minor version. */
  readonly code: string;
  /** What was found, as one short phrase. */
  readonly found?: string;
  /** What was expected instead. */
  readonly expected?: string;
  /** What the person can do about it. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * By this property errors of several packages, and of several copies of one, know each other: it holds the names of the
 * classes that an error belongs to. The `HadamardError` of `@hadamard-adapter/core` reads it, which this package does
 * not import.
 */
const KINDS: unique symbol = Symbol.for('hadamard-adapter.error') as never;

/** Root of all errors thrown on purpose. The message is one line: what went wrong, found, expected, what to do. */
export class GraphError extends Error {
  /** The first part of the message: what went wrong. */
  readonly what: string;
  readonly code: string;
  readonly found: string | undefined;
  readonly expected: string | undefined;
  readonly hint: string | undefined;
  readonly [KINDS]: readonly string[];

  constructor(kind: string, what: string, { code, found, expected, hint, cause }: ErrorDetails) {
    const seen = found === undefined ? [] : [`found ${found}`];
    const wanted = expected === undefined ? [] : [`expected ${expected}`];
    const facts = [...seen, ...wanted].join(', ');
    const text = `${what}${facts === '' ? '' : `: ${facts}`}${hint === undefined ? '' : `. ${hint}`}`;
    // A file may say anything, and what was found is quoted from it: the message stays one line all the same.
    super(text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' '), cause === undefined ? undefined : { cause });
    this.name = kind;
    this.what = what;
    this.code = code;
    this.found = found;
    this.expected = expected;
    this.hint = hint;
    this[KINDS] = ['HadamardError', kind];
  }
}

/** A file or byte sequence does not follow its format: truncated, hostile, or of another kind. */
export class FormatError extends GraphError {
  constructor(what: string, details: ErrorDetails) {
    super('FormatError', what, details);
  }
}

/** Two things that must belong together do not: a shape and a tensor, a name and a graph. */
export class MismatchError extends GraphError {
  constructor(what: string, details: ErrorDetails) {
    super('MismatchError', what, details);
  }
}

/** The graph uses something this project has no rule for. */
export class UnsupportedError extends GraphError {
  constructor(what: string, details: ErrorDetails) {
    super('UnsupportedError', what, details);
  }
}

/** A setting is out of range or contradicts another. */
export class ConfigError extends GraphError {
  constructor(what: string, details: ErrorDetails) {
    super('ConfigError', what, details);
  }
}
