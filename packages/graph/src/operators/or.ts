import type { Operator } from './operator.js';
import { truth } from './support/elementwise.js';

export const or: Operator = truth('Or', 7, (a, b) => a !== 0 || b !== 0);
