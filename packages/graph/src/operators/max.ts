import { largestOf } from '../shapes/dim.js';
import type { Operator } from './operator.js';
import { broadcasting } from './support/elementwise.js';
import { chosen } from './support/chosen.js';

export const max: Operator = broadcasting('Max', 13, (values) => Math.max(...values), {
  symbols: largestOf,
  gradient: chosen('GreaterOrEqual'),
});
