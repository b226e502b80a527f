import { Command } from 'commander';
import { demoCommand } from './commands/demo.js';
import { evaluateCommand } from './commands/evaluate.js';
import { inspectCommand } from './commands/inspect.js';
import { mergeCommand } from './commands/merge.js';
import { predictCommand } from './commands/predict.js';
import { trainCommand } from './commands/train.js';
import { unmergeCommand } from './commands/unmerge.js';
import { verifyCommand } from './commands/verify.js';
import { LAB_NOTE, LabMissingError, findLab, missingCommands } from './lab.js';
import { EXIT, reportError } from './output/report.js';
import { version } from './run.js';

/**
 * @param lab the commands of `@hadamard-adapter/lab`; undefined where it is not installed: then they say how to get it,
 *   and the help says so in one line.
 */
export function makeProgram(lab?: readonly Command[]): Command {
  const program = new Command('hadamard')
    .description('Fine-tune pretrained transformers with Hadamard adapters: one scale and one shift vector per layer.')
    .version(version())
    .showHelpAfterError('(--help shows all options)')
    .configureHelp({ showGlobalOptions: false })
    // What stands behind `bench epoch` belongs to `epoch`, though `bench` has a flag of that name.
    .enablePositionalOptions();
  for (const command of ownCommands()) program.addCommand(command);
  if (lab === undefined) {
    for (const command of missingCommands()) program.addCommand(command, { hidden: true });
    program.addHelpText('after', `\n${LAB_NOTE}`);
  } else for (const command of lab) program.addCommand(command);
  return program;
}

const ownCommands = (): Command[] => [
  trainCommand(),
  evaluateCommand(),
  predictCommand(),
  mergeCommand(),
  unmergeCommand(),
  inspectCommand(),
  verifyCommand(),
  demoCommand(),
];

/**
 * Run the command line; answers the exit code. Nothing is thrown: every error becomes one line.
 *
 * @param argv the words behind `hadamard`.
 * @param lab finds the commands of `@hadamard-adapter/lab`; undefined where it is not installed.
 */
export async function main(
  argv: readonly string[],
  lab: () => Promise<readonly Command[] | undefined> = findLab,
): Promise<number> {
  try {
    // It is read only for its own commands, and for the help that lists them.
    const name = argv.find((word) => !word.startsWith('-'));
    const own = ownCommands().some((command) => command.name() === name);
    const program = makeProgram(own ? undefined : await lab());
    for (const command of program.commands.flatMap((each) => [each, ...each.commands]).concat(program))
      command.exitOverride();
    await program.parseAsync(argv, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT.ok;
  } catch (error) {
    if (isUsageError(error)) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    reportError(error, { json: argv.includes('--json') });
    return error instanceof LabMissingError ? EXIT.usage : EXIT.failed;
  }
}

/** Commander has said what was wrong. By its name, for the lab's commands may have another copy of commander. */
const isUsageError = (error: unknown): error is Error & { exitCode: number } =>
  error instanceof Error && 'exitCode' in error && /^(Commander|InvalidArgument)Error$/.test(error.name);
