import { library } from '../../tsdown.base.ts';

export default library(['src/index.ts', 'src/commands.ts', 'src/bench-worker.ts', 'src/sweep-process.ts'], 'node');
