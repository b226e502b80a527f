import { present } from '@hadamard-adapter/core/internal';
import { ConfigError } from '@hadamard-adapter/core';
import { readModel, type Graph } from '@hadamard-adapter/graph/internal';
import { readHubFile, type HubOptions, type LibraryEnv } from '@hadamard-adapter/hub/internal';

/** Suffixes of ONNX files that can be trained on. */
const SUFFIXES = { fp32: '', fp16: '_fp16', q8: '_quantized', int8: '_int8', uint8: '_uint8' } as const;

/** Precision of the base model. */
export type Dtype = keyof typeof SUFFIXES;

export interface ModelFileOptions extends HubOptions {
  /** Default `fp32`. */
  readonly dtype?: Dtype;
  /** Default `onnx`. */
  readonly subfolder?: string;
  /** Default `model`. */
  readonly model_file_name?: string;
}

/**
 * The ONNX graph of a model in hub layout, with its external data where it has some.
 *
 * @throws ConfigError DTYPE_UNKNOWN; DataError HUB_FILE, HUB_ACCESS; FormatError for a file that is no ONNX model.
 */
export async function readModelFile(
  env: LibraryEnv,
  id: string,
  { dtype = 'fp32', subfolder = 'onnx', model_file_name: name = 'model', ...hub }: ModelFileOptions,
): Promise<Graph> {
  if (!Object.hasOwn(SUFFIXES, dtype)) {
    throw new ConfigError('There is no such dtype to train on', {
      code: 'DTYPE_UNKNOWN',
      found: String(dtype),
      expected: Object.keys(SUFFIXES).join(', '),
    });
  }
  const file = `${subfolder === '' ? '' : `${subfolder}/`}${name}${SUFFIXES[dtype]}.onnx`;
  const bytes = present(await readHubFile(env, id, file, hub));
  const folder = subfolder === '' ? '' : `${subfolder}/`;
  const beside = new Map<string, Uint8Array>();
  // Which files hold weights beside it is said in the model itself; most have none.
  for (;;) {
    const wanted = new Set<string>();
    const externalData = (location: string): Uint8Array | undefined => {
      const found = beside.get(location);
      if (found === undefined) wanted.add(location);
      return found;
    };
    try {
      return readModel(bytes, { externalData });
    } catch (error) {
      if (wanted.size === 0) throw error;
      for (const location of wanted)
        beside.set(location, present(await readHubFile(env, id, `${folder}${location}`, hub)));
    }
  }
}
