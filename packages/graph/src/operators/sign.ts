import type { Operator } from './operator.js';
import { unary } from './support/elementwise.js';

export const sign: Operator = unary('Sign', 13, Math.sign, { gradient: 'none' });
