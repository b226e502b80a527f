export { HadamardModelForSequenceClassification } from './sequence-classification.js';
export { pipeline } from './pipeline.js';
export type { Classification, FitOptions, FitResult, HadamardModel, PretrainedOptions } from './types.js';
export type { AdapterSource } from './adapter-files.js';
export type { Dtype, ModelFileOptions } from './hub/model-file.js';
export type { HubOptions } from './hub/places.js';
export type { LabelledTexts } from './texts.js';
