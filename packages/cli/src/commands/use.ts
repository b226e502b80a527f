import { HadamardError, MismatchError } from '@hadamard-adapter/core';
import { decodeAdapter, type AdapterConfig } from '@hadamard-adapter/core/folder';
import { present } from '@hadamard-adapter/core/internal';
import { loadAdapter, loadModel, optionsForAdapter, type AdapterSession } from '@hadamard-adapter/onnxruntime';
import type { Tokenizer } from '@hadamard-adapter/tasks';
import { readFolder } from '../io/files.js';
import { openModel, type ModelFolder } from '../io/model-folder.js';
import { deviceOf, type DeviceFlags } from '../options.js';
import { openTokenizer } from '../run.js';

export interface UseFlags extends DeviceFlags {
  readonly model: string;
  readonly adapter: string;
  readonly maxLength?: number;
  readonly json?: boolean;
}

/** A base model with a trained adapter in it. */
export interface Used {
  readonly folder: ModelFolder;
  readonly config: AdapterConfig;
  readonly session: AdapterSession;
  readonly labels: readonly string[];
  readonly files: Readonly<Record<string, Uint8Array>>;
  tokenizer(): Tokenizer;
}

/**
 * Load a model and an adapter onto it.
 *
 * @throws MismatchError when they do not belong together.
 */
export async function useAdapter({ model, adapter, maxLength, ...flags }: UseFlags): Promise<Used> {
  // The adapter first: it is small, and whatever is wrong with it is known before the model is loaded.
  const files = await readFolder(adapter, 'The adapter folder');
  const { config } = decodeAdapter(files);
  const folder = await openModel(model);
  const session = await loadModel({ graph: folder.graph }, { ...optionsForAdapter(config), ...deviceOf(flags) }).catch(
    (cause: unknown) => {
      // A model without the adapter's layers: what a person has to know is that it is another model.
      if (!(cause instanceof HadamardError) || cause.code !== 'ADAPTER_LAYERS') throw cause;
      throw new MismatchError('The adapter belongs to another base model', {
        code: 'ADAPTER_BASE_MISMATCH',
        found: `${folder.name}, with fewer layers`,
        expected: `${config.base_model_name_or_path} with ${config.num_layers} layers`,
        cause,
      });
    },
  );
  try {
    await loadAdapter(session, files);
  } catch (error) {
    await session.dispose();
    throw error;
  }
  return {
    folder,
    config,
    session,
    files,
    labels: Object.keys(config.id2label).map((_, i) => present(config.id2label[String(i)])),
    tokenizer: () => openTokenizer(folder, maxLength ?? config.max_length),
  };
}
