import * as tf from '@tensorflow/tfjs';
import { version_wasm } from '@tensorflow/tfjs-backend-wasm';

/** Read, so that the import that registers the backend is one that is used. */
export const wasmVersion = version_wasm;
export { tf };
export { failure } from '../../../onnxruntime/tests/support/failure.js';
export { relativeDifference, tinyBert, tinySplit } from '../../../onnxruntime/tests/support/tiny.js';
