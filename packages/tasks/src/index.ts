export { labelNames } from '@hadamard-adapter/core/internal';
export { toExamples, type ColumnNames, type ExampleOptions } from './columns.js';
export { checkTrainable, holdOut, limitExamples, type Example, type ExampleTable, type Kind } from './examples.js';
export { GLUE, glueTask, readGlue, type GlueData, type GlueId, type GlueTask, type ReadFile } from './glue.js';
export { defaultMetric, taskMetric } from './metric.js';
export { tokenize, type TokenizeOptions, type TokenizedSplit } from './split.js';
export { readTable, tableFormat, type RawTable, type TableFormat } from './table.js';
export { loadTokenizer, longestFirst, type Encoding, type Tokenizer, type TokenizerOptions } from './tokenizer.js';
