import { availableOn, probeOn } from './devices/probe.js';
import { nodePlatform } from './devices/node.js';
import { loaderFor } from './load.js';
import { serverFor } from './serve/server.js';

/** In Node: devices `cpu`, `webgpu` (Vulkan, Direct3D 12, Metal) and `cuda`, by `onnxruntime-node`. */
export const loadModel = loaderFor(nodePlatform, 'cpu');
export const createServer = serverFor(nodePlatform, 'cpu');
export const availableDevices = availableOn(nodePlatform);
export const probeDevices = probeOn(nodePlatform);

export * from './common.js';
