import { library } from '../../tsdown.base.ts';

export default library(
  ['src/index.ts', 'src/analysis.ts', 'src/driver.ts', 'src/folder.ts', 'src/internal.ts'],
  'neutral',
);
