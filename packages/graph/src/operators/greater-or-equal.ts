import type { Operator } from './operator.js';
import { truth } from './support/elementwise.js';

export const greaterOrEqual: Operator = truth('GreaterOrEqual', 16, (a, b) => a >= b);
