import { library } from '../../tsdown.base.ts';

export default library(['src/index.ts', 'src/bin.ts', 'src/bench-worker.ts', 'src/sweep-process.ts'], 'node');
