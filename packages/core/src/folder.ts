export * from './adapter-folder/adapter-config.js';
export * from './adapter-folder/adapter-folder.js';
export * from './adapter-folder/model-card.js';
