import { withoutUnusedInputs } from '../forms/unused-inputs.js';
import type { Pass } from './pass.js';

export const dropUnusedInputs: Pass = {
  name: 'drop-unused-inputs',
  does: 'Leaves out inputs that nobody reads.',
  needs: 'nothing',
  guarantees: 'every input has to be fed',
  run: withoutUnusedInputs,
};
