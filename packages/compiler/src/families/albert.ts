import * as v from 'valibot';
import type { Graph } from '@hadamard-adapter/graph/internal';
import { finish, pooler } from './bert.js';
import { activation, headSize, readSizes, real, size, text } from './config.js';
import { startKit } from './kit.js';
import { addAndNorm, contextOf, feedForward, type LayerSizes } from './layer.js';
import { IDS, addTypes, lengthOf, lookUp, paddingBias, positionRows } from './tokens.js';
import type { WeightSource } from './weights.js';

const schema = v.object({
  hidden_size: size(4096),
  embedding_size: size(128),
  num_hidden_layers: size(12),
  num_hidden_groups: size(1),
  inner_group_num: size(1),
  num_attention_heads: size(64),
  intermediate_size: size(16_384),
  hidden_act: text('gelu_new'),
  vocab_size: size(30_000),
  max_position_embeddings: size(512),
  type_vocab_size: size(2, 0),
  layer_norm_eps: real(1e-12),
});

/**
 * ALBERT (Lan et al., arXiv 1909.11942): embeddings of a width of their own, and one layer applied again and again, or
 * one for each group of layers.
 */
export function albertGraph(config: unknown, weights: WeightSource): Graph {
  const {
    hidden_size: hidden,
    embedding_size: width,
    num_attention_heads: heads,
    layer_norm_eps: epsilon,
    type_vocab_size: types,
    ...given
  } = readSizes(schema, config);
  const kit = startKit(weights);
  const sizes: LayerSizes = {
    hidden,
    heads,
    head: headSize(hidden, heads),
    wide: given.intermediate_size,
    epsilon,
    active: activation(given.hidden_act),
  };
  const words = lookUp(
    kit,
    kit.weight('embeddings.word_embeddings.weight', [given.vocab_size, width]),
    IDS,
    'embeddings.word_embeddings',
  );
  const positions = positionRows(
    kit,
    kit.weight('embeddings.position_embeddings.weight', [given.max_position_embeddings, width]),
    lengthOf(kit),
    0,
  );
  const sum = kit.emit(
    'Add',
    [addTypes(kit, words, 'embeddings.token_type_embeddings', types, width), positions],
    'embeddings/sum',
  );
  const embedded = kit.layerNorm(sum, 'embeddings.LayerNorm', width, epsilon);
  const bias = paddingBias(kit);
  let x = kit.linear(embedded, 'encoder.embedding_hidden_mapping_in', width, hidden);
  for (let layer = 0; layer < given.num_hidden_layers; layer++) {
    const group = Math.floor((layer * given.num_hidden_groups) / given.num_hidden_layers);
    for (let inner = 0; inner < given.inner_group_num; inner++) {
      const module = `encoder.albert_layer_groups.${group}.albert_layers.${inner}`;
      const own = `${module}.attention`;
      const context = contextOf(
        kit,
        x,
        x,
        { query: `${own}.query`, key: `${own}.key`, value: `${own}.value` },
        sizes,
        bias,
        own,
      );
      const attended = addAndNorm(kit, context, x, `${own}.dense`, `${own}.LayerNorm`, hidden, sizes);
      x = feedForward(
        kit,
        attended,
        { up: `${module}.ffn`, down: `${module}.ffn_output`, norm: `${module}.full_layer_layer_norm` },
        sizes,
      );
    }
  }
  const pooled = weights.has('pooler.weight') ? pooler(kit, x, 'pooler', hidden) : undefined;
  return finish(kit, 'albert', x, hidden, { pooled, types });
}
