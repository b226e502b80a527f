import { Command } from 'commander';
import { ConfigError } from '@hadamard-adapter/core';
import { findInstalled, importFound } from './installed.js';

const LAB = '@hadamard-adapter/lab';

/** Commands that come with it. */
const NAMES = ['sweep', 'worker', 'analyze', 'prune', 'bench'] as const;

/** For the end of the help where it is not installed. */
export const LAB_NOTE = `${NAMES.slice(0, -1).join(', ')} and ${NAMES.at(-1)} come with ${LAB}: npm install ${LAB}`;

/** The commands that `@hadamard-adapter/lab` adds; undefined where it is not installed. */
export async function findLab(): Promise<readonly Command[] | undefined> {
  const path = findInstalled(`${LAB}/commands`);
  if (path === undefined) return undefined;
  // Of the same version: what it exports is written there, in src/commands.ts.
  const { labCommands } = (await importFound(path)) as { labCommands(): readonly Command[] };
  return labCommands();
}

/** The same commands where it is not installed: whatever they are asked for, they say how to get it. */
export function missingCommands(): Command[] {
  return NAMES.map((name) =>
    new Command(name)
      .description(`comes with ${LAB}`)
      .argument('[words...]')
      .helpOption(false)
      .allowUnknownOption()
      .action(() => {
        throw new LabMissingError(name);
      }),
  );
}

/** A command was called that `@hadamard-adapter/lab` brings, and that is not installed. A mistake of usage. */
export class LabMissingError extends ConfigError {
  constructor(command: string) {
    super(`"hadamard ${command}" is not part of this package`, {
      code: 'LAB_MISSING',
      found: `no ${LAB} beside @hadamard-adapter/cli or above ${process.cwd()}`,
      hint: `npm install ${LAB}, with --global where @hadamard-adapter/cli was installed so`,
    });
  }
}
