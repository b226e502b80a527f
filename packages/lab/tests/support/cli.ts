import { runCli, type CliResult } from '../../../cli/tests/support/cli.js';
import { labCommands } from '../../src/commands.js';

export {
  lastLine,
  scratchFolder,
  tinyTable,
  tinyTestTable,
  write,
  type CliResult,
} from '../../../cli/tests/support/cli.js';

/** Run the command line, with the commands of this package, in this process and keep what it prints. */
export const cli = (...argv: readonly (string | number)[]): Promise<CliResult> =>
  runCli(argv, async () => labCommands());
