import type { Operator } from './operator.js';
import { slope, unary } from './support/elementwise.js';

export const exp: Operator = unary('Exp', 13, Math.exp, { gradient: slope((_, __, y) => y) });
