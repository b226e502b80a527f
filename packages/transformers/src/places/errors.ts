import { ConfigError, RuntimeError } from '@hadamard-adapter/core';

/** Nothing was saved under this name; `there` is what was. */
export function noAdapter(address: string, found: string, there: readonly string[]): ConfigError {
  const hint =
    there.length === 0 ? 'Nothing has been saved there yet.' : `Saved there: ${there.toSorted().join(', ')}.`;
  return new ConfigError(`There is no adapter at ${address}`, {
    code: 'ADAPTER_SOURCE',
    found,
    expected: 'what save_pretrained wrote',
    hint,
  });
}

/** A storage that is not there, or does not open. */
export function noStorage(address: string, found: string, hint: string, cause?: unknown): ConfigError {
  return new ConfigError(`There is no storage for ${address}`, {
    code: 'ADAPTER_SOURCE',
    found,
    expected: 'a browser with it',
    hint,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** A storage that did not take the files. */
export function notSaved(where: string, cause: unknown): RuntimeError {
  return new RuntimeError(`The adapter could not be saved: ${where}`, {
    code: 'ADAPTER_WRITE',
    found: wordsOf(cause),
    hint: 'What was saved there before is as it was.',
    cause,
  });
}

/** With the kind of error, `QuotaExceededError: …`: the message alone is often empty. */
export const wordsOf = (cause: unknown): string =>
  (cause instanceof Error
    ? [cause.name, cause.message].filter((part) => part !== '').join(': ')
    : String(cause)
  ).replace(/\.$/, '');
