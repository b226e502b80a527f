import type { Operator } from './operator.js';
import { reduction } from './support/reduction.js';

export const reduceProd: Operator = reduction('ReduceProd', (values) => values.reduce((a, b) => a * b, 1));
