import type { Operator } from './operator.js';
import { largestOf, reduction } from './support/reduction.js';
import { sharedExtreme } from './support/shared-extreme.js';

export const reduceMax: Operator = reduction('ReduceMax', largestOf, { gradient: sharedExtreme });
