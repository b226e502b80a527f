// What packages of this project share and the README does not name: no promise is made about it.
export { elementAt, hasKey, isObject, isUnshared, keysOf, present } from './values.js';
export { mebibytes, messageOf } from './text.js';
export { padBatch, padRows, type RowTokens } from './model/pad.js';
export { labelNames } from './metrics/labels.js';
export { sha256Schema } from './files/schemas.js';
