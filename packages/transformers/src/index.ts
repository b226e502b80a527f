export {
  HadamardModelForSequenceClassification,
  type Classification,
  type SequenceClassifier,
} from './models/sequence-classification.js';
export {
  HadamardModelForTokenClassification,
  type TokenClassifier,
  type WordLabel,
} from './models/token-classification.js';
export { HadamardModelForQuestionAnswering, type Answer, type QuestionAnswerer } from './models/question-answering.js';
export { HadamardModelForFeatureExtraction, type FeatureExtractor } from './models/feature-extraction.js';
export { pipeline, type HadamardPipeline, type TaskModels } from './pipeline.js';
export type { AdaptedModel, AddOptions, AnswerOptions, FitOptions, FitResult, PretrainedOptions } from './types.js';
export type { AdapterSource } from './adapter-files.js';
export type { Dtype, ModelFileOptions } from './model-file.js';
export type { HubOptions } from '@hadamard-adapter/hub/internal';
export type { LabelledTexts } from './data/texts.js';
export type { LabelledWords } from './data/words.js';
export type { LabelledQuestions, SpanAnswer } from './data/questions.js';
export type { Row } from './task.js';
