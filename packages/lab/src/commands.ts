import type { Command } from 'commander';
import { analyzeCommand } from './commands/analyze.js';
import { benchCommand } from './commands/bench.js';
import { pruneCommand } from './commands/prune.js';
import { sweepCommand } from './commands/sweep.js';
import { workerCommand } from './commands/worker.js';

/** What this package adds to `hadamard`, in the order of its help. `@hadamard-adapter/cli` looks for this function. */
export function labCommands(): readonly Command[] {
  return [sweepCommand(), workerCommand(), analyzeCommand(), pruneCommand(), benchCommand()];
}
