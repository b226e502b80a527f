import type { Batch } from '@hadamard-adapter/core';
import type { AdapterServer } from '@hadamard-adapter/onnxruntime';
import type { LibraryTensor, TransformersLibrary } from './library.js';
import type { Answers, Task } from './task.js';

/** What a tokenizer answered, and perhaps an adapter for each row (PEFT's `adapter_names`). */
export interface ModelInputs {
  readonly input_ids: LibraryTensor;
  readonly attention_mask?: LibraryTensor;
  readonly token_type_ids?: LibraryTensor;
  readonly adapter_names?: readonly string[];
}

/** The forward pass of a model of transformers.js. */
export type Forward = (self: unknown, inputs: ModelInputs) => Promise<Answers>;

/**
 * What a model of transformers.js runs instead of its own session: the answers of the active adapter, or of one for
 * each row.
 */
export function adapterForward(
  server: AdapterServer,
  task: Pick<Task<never>, 'output' | 'answers'>,
  Tensor: TransformersLibrary['Tensor'],
): Forward {
  return async (_, inputs) => {
    const { adapter_names: names } = inputs;
    const batch = batchOf(inputs);
    const options = names === undefined ? {} : { adapterNames: names };
    const values = await (task.output === 'hidden' ? server.encode(batch, options) : server.predict(batch, options));
    return task.answers({ values, batch: batch.batch, sequence: batch.sequence }, Tensor);
  };
}

function batchOf({ input_ids: ids, attention_mask: mask, token_type_ids: types }: ModelInputs): Batch {
  const [batch = 0, sequence = 0] = ids.dims;
  const numbers = (tensor: LibraryTensor | undefined, otherwise: number): Int32Array =>
    tensor === undefined ? new Int32Array(batch * sequence).fill(otherwise) : Int32Array.from(tensor.data, Number);
  return {
    batch,
    sequence,
    inputIds: numbers(ids, 0),
    attentionMask: numbers(mask, 1),
    tokenTypeIds: numbers(types, 0),
  };
}
