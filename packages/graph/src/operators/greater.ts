import type { Operator } from './operator.js';
import { truth } from './support/elementwise.js';

export const greater: Operator = truth('Greater', 13, (a, b) => a > b);
