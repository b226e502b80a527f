import { Command, CommanderError } from 'commander';
import { analyzeCommand } from './commands/analyze.js';
import { benchCommand } from './commands/bench.js';
import { demoCommand } from './commands/demo.js';
import { evaluateCommand } from './commands/evaluate.js';
import { inspectCommand } from './commands/inspect.js';
import { mergeCommand } from './commands/merge.js';
import { predictCommand } from './commands/predict.js';
import { pruneCommand } from './commands/prune.js';
import { sweepCommand } from './commands/sweep.js';
import { trainCommand } from './commands/train.js';
import { unmergeCommand } from './commands/unmerge.js';
import { verifyCommand } from './commands/verify.js';
import { workerCommand } from './commands/worker.js';
import { EXIT, reportError } from './output/report.js';
import { version } from './run.js';

export function makeProgram(): Command {
  return (
    new Command('hadamard')
      .description(
        'Fine-tune pretrained transformers with Hadamard adapters: one scale and one shift vector per layer.',
      )
      .version(version())
      .showHelpAfterError('(--help shows all options)')
      .configureHelp({ showGlobalOptions: false })
      // What stands behind `bench epoch` belongs to `epoch`, though `bench` has a flag of that name.
      .enablePositionalOptions()
      .addCommand(trainCommand())
      .addCommand(evaluateCommand())
      .addCommand(predictCommand())
      .addCommand(mergeCommand())
      .addCommand(unmergeCommand())
      .addCommand(inspectCommand())
      .addCommand(sweepCommand())
      .addCommand(workerCommand())
      .addCommand(analyzeCommand())
      .addCommand(pruneCommand())
      .addCommand(verifyCommand())
      .addCommand(benchCommand())
      .addCommand(demoCommand())
  );
}

/** Run the command line; answers the exit code. Nothing is thrown: every error becomes one line. */
export async function main(argv: readonly string[]): Promise<number> {
  const program = makeProgram();
  for (const command of program.commands.flatMap((each) => [each, ...each.commands]).concat(program))
    command.exitOverride();
  try {
    await program.parseAsync(argv, { from: 'user' });
    return typeof process.exitCode === 'number' ? process.exitCode : EXIT.ok;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    reportError(error, { json: argv.includes('--json') });
    return EXIT.failed;
  }
}
