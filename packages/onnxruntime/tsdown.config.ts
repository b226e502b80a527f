import { library } from '../../tsdown.base.ts';

export default library(['src/index.ts', 'src/web.ts', 'src/worker.ts', 'src/conformance.ts'], 'neutral');
