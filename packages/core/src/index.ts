export * from './errors.js';
export * from './batch.js';
export * from './model.js';
