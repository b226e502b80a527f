import { smallestOf } from '../shapes/dim.js';
import type { Operator } from './operator.js';
import { broadcasting } from './support/elementwise.js';
import { chosen } from './support/chosen.js';

export const min: Operator = broadcasting('Min', 13, (values) => Math.min(...values), {
  symbols: smallestOf,
  gradient: chosen('LessOrEqual'),
});
