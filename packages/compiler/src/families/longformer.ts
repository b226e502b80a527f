import { offsetBehindPadding, type Family } from './family.js';

/** Longformer (Beltagy et al., arXiv 2004.05150), read from exports only. */
export const LONGFORMER: Family = {
  name: 'longformer',
  models: [{ type: 'longformer' }],
  fields: [],
  positionOffset: offsetBehindPadding,
};
