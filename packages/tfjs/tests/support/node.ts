import * as tf from '@tensorflow/tfjs';
// oxlint-disable-next-line import/no-unassigned-import -- it registers a backend here
import '@tensorflow/tfjs-backend-wasm';

export { tf };
export { failure } from '../../../onnxruntime/tests/support/failure.js';
export { relativeDifference, tinyBert, tinySplit } from '../../../onnxruntime/tests/support/tiny.js';
