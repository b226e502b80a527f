import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { mkdirSync } from 'node:fs';
import { afterAll, vi } from 'vitest';
import { main } from '../../src/program.js';

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Run the command line, as it is without the lab, in this process and keep what it prints. */
export const cli = (...argv: readonly (string | number)[]): Promise<CliResult> => runCli(argv, async () => undefined);

/** The same with what `lab` finds. */
export async function runCli(
  argv: readonly (string | number)[],
  lab: NonNullable<Parameters<typeof main>[1]>,
): Promise<CliResult> {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    vi.spyOn(process[name], 'write').mockImplementation((chunk) => {
      written[name] += String(chunk);
      return true;
    }),
  );
  try {
    return { code: await main(argv.map(String), lab), ...written };
  } finally {
    for (const spy of spies) spy.mockRestore();
    // What a command sets for its process must not become the exit code of the test run.
    process.exitCode = undefined;
  }
}

/** The JSON line that output ends with. */
export function lastLine<T = Record<string, unknown>>({ stdout }: CliResult): T {
  return JSON.parse(stdout.trim().split('\n').at(-1) as string) as T;
}

/** A folder that goes away with the test file. */
export function scratchFolder(): string {
  const path = mkdtempSync(join(tmpdir(), 'hadamard-cli-'));
  afterAll(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export function write(path: string, content: string | Uint8Array): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

const NOUNS = {
  animal: ['dog', 'horse', 'sheep', 'cat', 'cow', 'bird', 'fish', 'mouse'],
  tool: ['hammer', 'saw', 'knife', 'axe', 'shovel', 'spoon', 'needle', 'rope'],
} as const;
const FRAMES = [
  'There was a WORD in the garden.',
  'He looked at the WORD for a long while.',
  'Whose WORD is this?',
  'My brother gave me a WORD.',
  'The old WORD lay by the door.',
];

/** Forty short sentences on animals and tools, as CSV. */
export function tinyTable(): string {
  const rows = FRAMES.flatMap((frame) =>
    Object.entries(NOUNS).flatMap(([label, words]) =>
      words.slice(0, 4).map((word) => `${frame.replace('WORD', word)},${label}`),
    ),
  );
  return ['text,label', ...rows].join('\n');
}

/** The same with words that the first table does not have. */
export function tinyTestTable(): string {
  const rows = FRAMES.flatMap((frame) =>
    Object.entries(NOUNS).flatMap(([label, words]) =>
      words.slice(4).map((word) => `${frame.replace('WORD', word)},${label}`),
    ),
  );
  return ['text,label', ...rows].join('\n');
}
