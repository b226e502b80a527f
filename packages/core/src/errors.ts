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
 * Root of all errors thrown on purpose. The message is one line: what went wrong, what was found, what was expected,
 * what to do. Anything else that escapes is a defect of ours.
 */
export class HadamardError extends Error {
  /** The first part of the message: what went wrong. */
  readonly what: string;
  readonly code: string;
  readonly found: string | undefined;
  readonly expected: string | undefined;
  readonly hint: string | undefined;

  constructor(what: string, details: ErrorDetails) {
    super(sentence(what, details), details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.what = what;
    this.code = details.code;
    this.found = details.found;
    this.expected = details.expected;
    this.hint = details.hint;
  }
}

/** A file or byte sequence does not follow its format: truncated, hostile, or of another kind. */
export class FormatError extends HadamardError {}

/** Two things that must belong together do not: an adapter and a base model, a shape and a tensor. */
export class MismatchError extends HadamardError {}

/** The data cannot be learned from as it stands: no rows, one class, a target that is not a number. */
export class DataError extends HadamardError {}

/** A setting is out of range or contradicts another. */
export class ConfigError extends HadamardError {}

/** The model uses something this project has no rule for. */
export class UnsupportedError extends HadamardError {}

/** A runtime or device could not do its work, or is used after `dispose()`. */
export class RuntimeError extends HadamardError {}

function sentence(what: string, { found, expected, hint }: ErrorDetails): string {
  let text = what;
  if (found !== undefined) text += `: found ${found}`;
  if (expected !== undefined) text += found === undefined ? `: expected ${expected}` : `, expected ${expected}`;
  if (hint !== undefined) text += `. ${hint}`;
  // What was found often comes from a file, and a file may say anything: the message stays one line whoever puts it
  // together.
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}
