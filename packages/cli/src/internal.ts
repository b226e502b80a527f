/**
 * What `@hadamard-adapter/lab` builds its commands from. For packages of this project alone: it may change any time.
 */
export { EMBEDDED_MODEL, EXAMPLE_DATA } from './assets.js';
export { dataFlags, loadData, withData, type DataFlags, type LoadedData } from './data.js';
export { interruptSignal } from './interrupt.js';
export { readBytes, readFolder } from './io/files.js';
export { openModel, type ModelFolder } from './io/model-folder.js';
export { deviceOf, integer, jsonOption, layerList, list, number, withDevice, type DeviceFlags } from './options.js';
export { colors } from './output/colors.js';
export { EXIT, print, printJson } from './output/report.js';
export { table } from './output/tables.js';
export { duration } from './output/training.js';
export { openTokenizer, version } from './run.js';
