import { UnsupportedError, shorten } from '@hadamard-adapter/core';

/** So many names stand in a message. */
const SHOWN = 3;

/** Names from a file as messages show them: the first few, and how many there are besides. */
export function listed(names: readonly string[]): string {
  const shown = names
    .slice(0, SHOWN)
    .map((name) => shorten(name, 120))
    .join(', ');
  return names.length > SHOWN ? `${shown} and ${names.length - SHOWN} more` : shown;
}

/** @throws UnsupportedError PEFT_TENSOR unless `names` is empty. */
export function refuseTensors(names: readonly string[], expected: string, hint?: string): void {
  if (names.length === 0) return;
  throw new UnsupportedError('The PEFT folder has tensors that this project has no place for', {
    code: 'PEFT_TENSOR',
    found: listed(names),
    expected,
    ...(hint === undefined ? {} : { hint }),
  });
}
