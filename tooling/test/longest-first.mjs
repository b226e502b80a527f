import { relative } from 'node:path';
import { BaseSequencer } from 'vitest/node';
import { root } from '../lib.mjs';
import { readBudgets } from './budgets.mjs';

/** Order of test files for vitest: the longest first, by their budgets. */
export class LongestFirst extends BaseSequencer {
  async sort(specifications) {
    const budgets = readBudgets();
    const budgetOf = ({ moduleId }) => budgets[relative(root, moduleId).replaceAll('\\', '/')]?.test ?? 0;
    return specifications.toSorted((a, b) => budgetOf(b) - budgetOf(a));
  }
}
