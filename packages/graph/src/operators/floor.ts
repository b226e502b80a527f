import type { Operator } from './operator.js';
import { unary } from './support/elementwise.js';

export const floor: Operator = unary('Floor', 13, Math.floor, { gradient: 'none' });
