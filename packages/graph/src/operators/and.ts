import type { Operator } from './operator.js';
import { truth } from './support/elementwise.js';

export const and: Operator = truth('And', 7, (a, b) => a !== 0 && b !== 0);
