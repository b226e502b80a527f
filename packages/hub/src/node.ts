export { downloadModel, type CachedModel } from './hub/download-model.js';
export { downloadFile } from './download/download-file.js';
export { checkUnoccupied, checkWritable, writeFolder } from './files/write-folder.js';
export { writeFileAtomically, writeFilesAtomically, type Content } from './files/write-files.js';
