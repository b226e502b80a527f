/** What every error of this project carries besides its message. */
export interface ErrorDetails {
  /**
   * Stable, machine-readable name of the failure, e.g. `SAFETENSORS_HEADER`. Documented; never renamed in a minor
   * version.
   */
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
 * classes that an error belongs to. `@hadamard-adapter/graph`, which does not import this package, throws such errors.
 */
const KINDS: unique symbol = Symbol.for('hadamard-adapter.error');

/**
 * Root of all errors thrown on purpose. The message is one line: what went wrong, what was found, what was expected,
 * what to do. Anything else that escapes is a defect of ours.
 *
 * `instanceof` answers by the names of these classes, so it holds for the errors of every package of this project.
 */
export class HadamardError extends Error {
  /** What `instanceof` looks for; a class of somebody else that extends one of these has none of its own. */
  static readonly kind: string = 'HadamardError';

  static override [Symbol.hasInstance](value: unknown): boolean {
    if (!Object.hasOwn(this, 'kind')) return Function.prototype[Symbol.hasInstance].call(this, value);
    const kinds: unknown = typeof value === 'object' && value !== null && KINDS in value ? value[KINDS] : undefined;
    return Array.isArray(kinds) && kinds.includes(this.kind);
  }

  readonly [KINDS]: readonly string[];
  /** The first part of the message: what went wrong. */
  readonly what: string;
  readonly code: string;
  readonly found: string | undefined;
  readonly expected: string | undefined;
  readonly hint: string | undefined;

  constructor(what: string, details: ErrorDetails) {
    super(sentence(what, details), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.kind;
    this[KINDS] = ['HadamardError', new.target.kind];
    this.what = what;
    this.code = details.code;
    this.found = details.found;
    this.expected = details.expected;
    this.hint = details.hint;
  }
}

/** A file or byte sequence does not follow its format: truncated, hostile, or of another kind. */
export class FormatError extends HadamardError {
  static override readonly kind: string = 'FormatError';
}

/** Two things that must belong together do not: an adapter and a base model, a shape and a tensor. */
export class MismatchError extends HadamardError {
  static override readonly kind: string = 'MismatchError';
}

/** The data cannot be learned from as it stands: no rows, one class, a target that is not a number. */
export class DataError extends HadamardError {
  static override readonly kind: string = 'DataError';
}

/** A setting is out of range or contradicts another. */
export class ConfigError extends HadamardError {
  static override readonly kind: string = 'ConfigError';
}

/** The model uses something this project has no rule for. */
export class UnsupportedError extends HadamardError {
  static override readonly kind: string = 'UnsupportedError';
}

/** A runtime or device could not do its work, or is used after `dispose()`. */
export class RuntimeError extends HadamardError {
  static override readonly kind: string = 'RuntimeError';
}

function sentence(what: string, { found, expected, hint }: ErrorDetails): string {
  let text = what;
  if (found !== undefined) text += `: found ${found}`;
  if (expected !== undefined) text += found === undefined ? `: expected ${expected}` : `, expected ${expected}`;
  if (hint !== undefined) text += `. ${hint}`;
  // What was found often comes from a file, and a file may say anything: the message stays one line whoever puts it
  // together.
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}
