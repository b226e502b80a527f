import type { Operator } from './operator.js';
import { truth } from './support/elementwise.js';

export const less: Operator = truth('Less', 13, (a, b) => a < b);
