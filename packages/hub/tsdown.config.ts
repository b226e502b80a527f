import { library } from '../../tsdown.base.ts';

export default library(['src/index.ts', 'src/internal.ts', 'src/node.ts'], 'neutral');
