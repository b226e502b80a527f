import { join } from 'node:path';

const ASSETS = join(import.meta.dirname, '..', 'assets');

/** The base model that comes with the package. */
export const EMBEDDED_MODEL = join(ASSETS, 'mini-bert');

/** The example data that comes with the package: short texts on six subjects. */
export const EXAMPLE_DATA = {
  train: join(ASSETS, 'examples', 'train.csv'),
  test: join(ASSETS, 'examples', 'test.csv'),
} as const;
