import type { Operator } from './operator.js';
import { unary } from './support/elementwise.js';

export const isNaN: Operator = unary('IsNaN', 13, (x) => Number(Number.isNaN(x)), { dtype: 'bool', gradient: 'none' });
