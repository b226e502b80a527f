import { ConfigError, shorten, type ErrorDetails } from '@hadamard-adapter/core';
import { present } from '@hadamard-adapter/core/internal';
import * as v from 'valibot';
import { LineCounter, isNode, parseDocument, type Document } from 'yaml';

/** A YAML text that was checked, and where its values stand. */
export interface CheckedYaml<T> {
  readonly value: T;
  /** An error of the file, with the path and the line of what is wrong. */
  mistake(
    path: readonly (string | number)[],
    what: string,
    details: Omit<ErrorDetails, 'code'> & { readonly code?: string },
  ): ConfigError;
}

/**
 * An object with these keys and no others; one that is not there is answered with those that are.
 *
 * Typed as what it is, so that schemas are inferred.
 */
export const strict = <const Entries extends v.ObjectEntries>(entries: Entries) =>
  v.strictObject(entries, (issue) =>
    issue.expected === 'never' ? `one of ${Object.keys(entries).join(', ')}` : issue.message,
  );

/**
 * One value, or a list of such values. A list is judged as one, so that a message tells which of its items is wrong.
 */
export function oneOrMore<Schema extends v.GenericSchema>(schema: Schema) {
  const several = v.pipe(v.array(schema), v.minLength(1, 'at least one value'));
  return v.lazy(
    (
      input,
    ): v.GenericSchema<
      v.InferInput<Schema> | v.InferInput<Schema>[],
      v.InferOutput<Schema> | v.InferOutput<Schema>[]
    > => (Array.isArray(input) ? several : schema),
  );
}

/**
 * Read a YAML text by a schema.
 *
 * @throws ConfigError SWEEP_FILE for what is not YAML, with the line; and for the first value that is wrong, with its
 *   path, its line, and what there is instead.
 */
export function readYaml<Schema extends v.GenericSchema>(
  text: string,
  schema: Schema,
  file: string,
): CheckedYaml<v.InferOutput<Schema>> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [syntax] = document.errors;
  if (syntax !== undefined) {
    throw new ConfigError(`${file} is not YAML`, {
      code: 'SWEEP_FILE',
      found: shorten(syntax.message.split('\n')[0]?.replace(/:$/, '') ?? '', 120),
      cause: syntax,
    });
  }
  const mistake: CheckedYaml<unknown>['mistake'] = (path, what, { code = 'SWEEP_FILE', ...details }) =>
    new ConfigError(
      `${what} ${path.length === 0 ? 'at the top' : `at ${shorten(path.join('.'))}`}` +
        `${lineOf(document, lines, path)} of ${file}`,
      { code, ...details },
    );

  let value: unknown;
  try {
    value = document.toJS();
  } catch (cause) {
    // Aliases that would grow without end.
    throw new ConfigError(`${file} cannot be read`, {
      code: 'SWEEP_FILE',
      found: shorten(cause instanceof Error ? cause.message : String(cause)),
      cause,
    });
  }
  const result = v.safeParse(schema, value);
  if (result.success) return { value: result.output, mistake };
  const issues: readonly v.BaseIssue<unknown>[] = result.issues;
  // A name that was mistyped is told before the one that is missing because of it.
  const issue = present(issues.find(isUnknownKey) ?? issues[0]);
  const path = (issue.path ?? []).map(({ key }) => (typeof key === 'number' ? key : String(key)));
  const unknown = isUnknownKey(issue);
  const expected = issue.kind === 'schema' && !unknown ? issue.expected : issue.message;
  // What is missing has no place of its own.
  if (issue.received === 'undefined')
    throw mistake(path.slice(0, -1), `A setting is missing`, { found: `no ${String(path.at(-1))}` });
  throw mistake(path, unknown ? 'There is no such setting' : 'A setting is not valid', {
    found: shorten(issue.received),
    ...(expected === null ? {} : { expected: shorten(expected, 400) }),
  });
}

const isUnknownKey = ({ type, expected }: v.BaseIssue<unknown>): boolean =>
  type === 'strict_object' && expected === 'never';

function lineOf(document: Document, lines: LineCounter, path: readonly (string | number)[]): string {
  for (let length = path.length; length > 0; length--) {
    const part = path.slice(0, length);
    const node: unknown = document.getIn(part, true);
    if (isNode(node) && node.range !== undefined && node.range !== null)
      return ` (line ${lines.linePos(node.range[0]).line})`;
  }
  return '';
}
