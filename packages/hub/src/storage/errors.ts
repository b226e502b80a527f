import { ConfigError, RuntimeError } from '@hadamard-adapter/core';

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
export function notSaved(address: string, cause: unknown): RuntimeError {
  return new RuntimeError(`Nothing could be saved in ${address}`, {
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
