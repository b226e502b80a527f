export * from './adapter-config.js';
export * from './adapter-folder.js';
export * from './model-card.js';
