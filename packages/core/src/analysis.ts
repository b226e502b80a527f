export * from './analysis/agreement.js';
export * from './analysis/attention.js';
export * from './analysis/elimination.js';
export * from './analysis/layers.js';
export * from './analysis/patterns.js';
export * from './analysis/predictors.js';
export * from './analysis/sharing.js';
