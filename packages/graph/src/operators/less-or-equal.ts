import type { Operator } from './operator.js';
import { truth } from './support/elementwise.js';

export const lessOrEqual: Operator = truth('LessOrEqual', 16, (a, b) => a <= b);
