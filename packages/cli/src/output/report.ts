import { messageOf } from '@hadamard-adapter/core/internal';
import { HadamardError } from '@hadamard-adapter/core';
import { colors } from './colors.js';

/** How a command ended, as an exit code. */
export const EXIT = { ok: 0, failed: 1, usage: 2, interrupted: 130 } as const;

/** One line for a person on standard error; the stack only when asked for, or when the error is a defect of ours. */
export function reportError(error: unknown, { json }: { readonly json: boolean }): void {
  const known = error instanceof HadamardError;
  const message = messageOf(error);
  if (json) process.stdout.write(`${JSON.stringify({ error: { code: known ? error.code : 'INTERNAL', message } })}\n`);
  process.stderr.write(
    `${colors.red('error')} ${known ? colors.dim(`[${error.code}] `) : ''}${message.replaceAll(/\s*\n\s*/g, ' ')}\n`,
  );
  const wantsStack = process.env['HADAMARD_DEBUG'] !== undefined;
  if (error instanceof Error && (!known || wantsStack)) process.stderr.write(`${colors.dim(error.stack ?? '')}\n`);
}

/** The one machine-readable line a command ends with. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}

export function print(text = ''): void {
  process.stdout.write(`${text}\n`);
}
