import type { Operator } from './operator.js';
import { unary } from './support/elementwise.js';

export const not: Operator = unary('Not', 1, (x) => Number(x === 0), { dtype: 'bool', gradient: 'none' });
