import * as v from 'valibot';
import { FormatError, type ErrorDetails, type HadamardError } from '../errors.js';

export interface ValidateOptions {
  /** What is being checked, as the start of a sentence: `The training plan`. */
  readonly what: string;
  readonly code: string;
  readonly error: new (what: string, details: ErrorDetails) => HadamardError;
  readonly hint?: string;
}

/**
 * Check `value` against a valibot schema.
 *
 * @throws an error of the given class that names the first offending field, what was found and what was expected.
 */
export function validate<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  { what, code, error, hint }: ValidateOptions,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const issue: v.BaseIssue<unknown> = result.issues[0];
  const path = v.getDotPath(issue);
  // Issues of checks carry a sentence of ours; those of types carry valibot's generic one, which found and expected
  // already say.
  const expected = issue.kind === 'schema' ? issue.expected : issue.message;
  throw new error(`${what} is not valid${path === null ? '' : ` at ${shorten(path)}`}`, {
    code,
    found: shorten(issue.received),
    ...(expected === null ? {} : { expected: shorten(expected) }),
    ...(hint === undefined ? {} : { hint }),
  });
}

/**
 * Parse a JSON file.
 *
 * @throws FormatError with the given code when it is larger than `maxBytes`, not UTF-8 or not JSON.
 */
export function parseJson(
  bytes: Uint8Array,
  { what, code, maxBytes }: { readonly what: string; readonly code: string; readonly maxBytes: number },
): unknown {
  if (bytes.length > maxBytes)
    throw new FormatError(`${what} is too large`, {
      code,
      found: `${bytes.length} bytes`,
      expected: `at most ${maxBytes}`,
    });
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new FormatError(`${what} is not JSON`, {
      code,
      found: shorten(new TextDecoder().decode(bytes.subarray(0, 80)), 40),
      hint: 'Is the file complete?',
      cause,
    });
  }
}

/** Untrusted text for an error message: one line, at most `length` characters. */
export function shorten(text: string, length = 80): string {
  const line = text.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}
