import { availableOn, probeOn } from './devices/probe.js';
import { webPlatform } from './devices/web.js';
import { loaderFor } from './load.js';
import { serverFor } from './serve/server.js';

/** In a browser: devices `webgpu` and `wasm`, by `onnxruntime-web`. */
export const loadModel = loaderFor(webPlatform, 'wasm');
export const createServer = serverFor(webPlatform, 'wasm');
export const availableDevices = availableOn(webPlatform);
export const probeDevices = probeOn(webPlatform);

export { loadModelInWorker, type WorkerOptions } from './worker/in-worker.js';
export * from './common.js';
