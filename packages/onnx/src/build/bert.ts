import { ConfigError } from '@hadamard-adapter/core';
import { INTERNAL_DOMAIN, float, int, ints, string, type Graph, type Node, type Tensor, type ValueInfo } from '../graph/graph.js';
import { makeNode } from '../graph/rewrite.js';
import { int64Tensor } from '../graph/tensors.js';
import { TARGET_OPSET } from '../canonicalize/upgrade.js';

/** Sizes of a BERT encoder, in the words of its Hugging Face config. */
export interface BertSizes {
  readonly num_hidden_layers: number;
  readonly hidden_size: number;
  readonly num_attention_heads: number;
  readonly intermediate_size: number;
  readonly vocab_size: number;
  readonly max_position_embeddings: number;
  readonly type_vocab_size: number;
  readonly layer_norm_eps: number;
}

/** The tensor called `name` in the checkpoint, with matrices as PyTorch keeps them, [out, in]. */
export type WeightSource = (name: string, dims: readonly number[]) => Tensor;

/**
 * A BERT encoder straight from its config (Devlin et al., arXiv 1810.04805), already in canonical operators: no exporter stands between. Inputs `input_ids`,
 * `attention_mask`, `token_type_ids`; output `last_hidden_state`.
 *
 * @throws ConfigError MODEL_CONFIG when the heads do not divide the hidden size.
 */
export function bertGraph(sizes: BertSizes, weights: WeightSource): Graph {
  const { hidden_size: hidden, num_attention_heads: heads } = sizes;
  if (hidden % heads !== 0) {
    throw new ConfigError('The heads of the model do not divide its hidden size', {
      code: 'MODEL_CONFIG',
      found: `hidden_size ${hidden}, num_attention_heads ${heads}`,
      expected: 'a multiple',
    });
  }
  const tensors = new Map<string, Tensor>();
  const nodes: Node[] = [];
  const weight = (name: string, dims: readonly number[]): string => {
    tensors.set(name, weights(name, dims));
    return name;
  };
  const list = (name: string, values: readonly number[]): string => {
    tensors.set(name, int64Tensor(values, [values.length]));
    return name;
  };
  const emit = (op: string, inputs: readonly string[], output: string, attributes: Node['attributes'] = {}, domain = ''): string => {
    nodes.push(makeNode(op, inputs, [output], attributes, { domain }));
    return output;
  };
  const linear = (x: string, module: string, from: number, to: number): string =>
    emit('Linear', [x, weight(`${module}.weight`, [to, from]), weight(`${module}.bias`, [to])], module, { transB: int(1) }, INTERNAL_DOMAIN);
  const norm = (x: string, module: string): string =>
    emit('LayerNormalization', [x, weight(`${module}.weight`, [hidden]), weight(`${module}.bias`, [hidden])], module, {
      axis: int(-1),
      epsilon: float(sizes.layer_norm_eps),
    });

  const splitHeads = list('split_heads', [0, 0, heads, hidden / heads]);
  const mergeHeads = list('merge_heads', [0, 0, hidden]);
  const toHeads = (x: string): string => {
    emit('Reshape', [x, splitHeads], `${x}/heads`, { allowzero: int(0) });
    return emit('Transpose', [`${x}/heads`], `${x}/by_head`, { perm: ints([0, 2, 1, 3]) });
  };

  let x = embeddings();
  for (let layer = 0; layer < sizes.num_hidden_layers; layer++) {
    const module = `encoder.layer.${layer}`;
    const [query, key, value] = ['query', 'key', 'value'].map((part) => toHeads(linear(x, `${module}.attention.self.${part}`, hidden, hidden))) as [string, string, string];
    emit('Attention', [query, key, value, 'attention_bias'], `${module}.context`, { scale: float((hidden / heads) ** -0.5) });
    emit('Transpose', [`${module}.context`], `${module}.context/by_token`, { perm: ints([0, 2, 1, 3]) });
    emit('Reshape', [`${module}.context/by_token`, mergeHeads], `${module}.context/merged`, { allowzero: int(0) });
    const attended = emit('Add', [linear(`${module}.context/merged`, `${module}.attention.output.dense`, hidden, hidden), x], `${module}.attention.sum`);
    const middle = norm(attended, `${module}.attention.output.LayerNorm`);
    const wide = linear(middle, `${module}.intermediate.dense`, hidden, sizes.intermediate_size);
    const active = emit('Gelu', [wide], `${wide}/gelu`, { approximate: string('none') });
    const fed = emit('Add', [linear(active, `${module}.output.dense`, sizes.intermediate_size, hidden), middle], `${module}.sum`);
    x = norm(fed, `${module}.output.LayerNorm`);
  }
  emit('Identity', [x], 'last_hidden_state');

  function embeddings(): string {
    tensors.set('one', { dtype: 'float32', dims: [], bytes: new Uint8Array(Float32Array.of(1).buffer) });
    tensors.set('masked', { dtype: 'float32', dims: [], bytes: new Uint8Array(Float32Array.of(3.4028234663852886e38).buffer) });
    emit('Cast', ['attention_mask'], 'mask', { to: int(1) });
    emit('Sub', ['mask', 'one'], 'mask/shifted');
    emit('Mul', ['mask/shifted', 'masked'], 'mask/rows');
    emit('Unsqueeze', ['mask/rows', list('bias_axes', [1, 2])], 'attention_bias');

    const words = emit('Gather', [weight('embeddings.word_embeddings.weight', [sizes.vocab_size, hidden]), 'input_ids'], 'words', { axis: int(0) });
    const types = emit('Gather', [weight('embeddings.token_type_embeddings.weight', [sizes.type_vocab_size, hidden]), 'token_type_ids'], 'types', { axis: int(0) });
    // The first rows of the position table are the positions: a slice instead of a look-up.
    emit('Shape', ['input_ids'], 'length', { start: int(1), end: int(2) });
    const table = weight('embeddings.position_embeddings.weight', [sizes.max_position_embeddings, hidden]);
    const positions = emit('Slice', [table, list('zero', [0]), 'length', 'zero'], 'positions');
    return norm(emit('Add', [emit('Add', [words, types], 'words_and_types'), positions], 'embedded'), 'embeddings.LayerNorm');
  }

  const tokens = (name: string): ValueInfo => ({ name, dtype: 'int64', dims: ['batch', 'sequence'] });
  return {
    name: 'bert',
    opsets: new Map([['', TARGET_OPSET]]),
    inputs: ['input_ids', 'attention_mask', 'token_type_ids'].map(tokens),
    outputs: [{ name: 'last_hidden_state', dtype: 'float32', dims: ['batch', 'sequence', hidden] }],
    nodes,
    tensors,
  };
}
