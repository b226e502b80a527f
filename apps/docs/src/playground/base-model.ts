import { RuntimeError } from '@hadamard-adapter/core';
import { DownloadError, download } from '@hadamard-adapter/hub';
import { inputLimits } from '@hadamard-adapter/compiler';
import { loadTokenizer, type Tokenizer } from '@hadamard-adapter/tasks';

/** The embedded base model and the example texts, in memory: whatever is done with them later needs no network. */
export interface BaseModel {
  readonly name: string;
  readonly family: string;
  readonly model: Uint8Array;
  readonly tokenizer: Tokenizer;
  readonly examples: { readonly train: Uint8Array; readonly test: Uint8Array };
}

const FILES = {
  config: 'mini-bert/config.json',
  tokenizer: 'mini-bert/tokenizer.json',
  tokenizerConfig: 'mini-bert/tokenizer_config.json',
  model: 'mini-bert/onnx/model.onnx',
  train: 'examples/train.csv',
  test: 'examples/test.csv',
} as const;

/**
 * @param folder address of the folder that `scripts/prepare.mjs` fills.
 * @param onProgress bytes so far, of all files together.
 * @throws RuntimeError MODEL_FETCH.
 */
export async function fetchBaseModel(folder: URL, onProgress: (bytes: number) => void): Promise<BaseModel> {
  let received = 0;
  const get = async (file: string): Promise<Uint8Array> =>
    fetchFile(new URL(file, folder), (bytes) => {
      received += bytes;
      onProgress(received);
    });
  const [config, tokenizer, tokenizerConfig, model, train, test] = await Promise.all([
    get(FILES.config),
    get(FILES.tokenizer),
    get(FILES.tokenizerConfig),
    get(FILES.model),
    get(FILES.train),
    get(FILES.test),
  ]);
  const description = JSON.parse(new TextDecoder().decode(config)) as Record<string, unknown>;
  return {
    name: 'mini-bert',
    family: String(description['model_type']),
    model,
    tokenizer: loadTokenizer(tokenizer, { config: tokenizerConfig, ...inputLimits(description) }),
    examples: { train, test },
  };
}

function fetchFile(address: URL, onBytes: (bytes: number) => void): Promise<Uint8Array> {
  let before = 0;
  const onProgress = (loaded: number): void => {
    onBytes(loaded - before);
    before = loaded;
  };
  return download(address, { onProgress }).catch((cause: unknown) => {
    if (!(cause instanceof DownloadError)) throw cause;
    throw new RuntimeError('The playground could not be loaded', {
      code: 'MODEL_FETCH',
      ...(cause.found === undefined ? {} : { found: cause.found }),
      hint: 'Is the network on? Then load the page again.',
      cause,
    });
  });
}
