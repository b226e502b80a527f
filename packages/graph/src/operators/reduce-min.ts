import type { Operator } from './operator.js';
import { reduction } from './support/reduction.js';
import { sharedExtreme } from './support/shared-extreme.js';

export const reduceMin: Operator = reduction(
  'ReduceMin',
  (values) => values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
  {
    gradient: sharedExtreme,
  },
);
