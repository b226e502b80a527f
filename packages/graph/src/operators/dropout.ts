import type { Operator } from './operator.js';
import { unary } from './support/elementwise.js';

/** At inference, where it passes its input on. */
export const dropout: Operator = unary('Dropout', 13, (x) => x, { symbols: 'moves' });
