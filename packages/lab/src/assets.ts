import { join } from 'node:path';

const PACKAGE = join(import.meta.dirname, '..');

/**
 * The program of a local process of `hadamard sweep`. A program is what was built, also where the rest runs from its
 * sources.
 */
export const SWEEP_PROCESS = join(PACKAGE, 'dist', 'sweep-process.js');
