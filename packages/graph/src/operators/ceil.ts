import type { Operator } from './operator.js';
import { unary } from './support/elementwise.js';

export const ceil: Operator = unary('Ceil', 13, Math.ceil, { gradient: 'none' });
