import type { Operator } from './operator.js';
import { passThrough, unary } from './support/elementwise.js';

export const identity: Operator = unary('Identity', 16, (x) => x, {
  symbols: 'moves',
  gradient: passThrough,
  rearranges: true,
});
