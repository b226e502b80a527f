import * as v from 'valibot';
import type { ErrorDetails, HadamardError } from './errors.js';

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
export function validate<Schema extends v.GenericSchema>(schema: Schema, value: unknown, { what, code, error, hint }: ValidateOptions): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { abortEarly: true });
  if (result.success) return result.output;
  const issue: v.BaseIssue<unknown> = result.issues[0];
  const path = v.getDotPath(issue);
  // Issues of checks carry a sentence of ours; those of types carry valibot's generic one, which found and expected already say.
  const expected = issue.kind === 'schema' ? issue.expected : issue.message;
  throw new error(`${what} is not valid${path === null ? '' : ` at ${shorten(path)}`}`, {
    code,
    found: shorten(issue.received),
    ...(expected === null ? {} : { expected: shorten(expected) }),
    ...(hint === undefined ? {} : { hint }),
  });
}

/** Untrusted text for an error message: one line, at most `length` characters. */
export function shorten(text: string, length = 80): string {
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, ' ');
  return line.length <= length ? line : `${line.slice(0, length - 1)}…`;
}
