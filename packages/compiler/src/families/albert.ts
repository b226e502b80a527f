import * as v from 'valibot';
import { activation, headSize, readSizes, real, size, text } from './encoder/config.js';
import { EncoderBuilder } from './encoder/encoder-builder.js';
import { contextOf, postNormLayer, type LayerSizes, type PostNormLayer } from './encoder/layer.js';
import { finish, pooler } from './encoder/outputs.js';
import { addTypes, embed, lengthOf, paddingBias, positionRows } from './encoder/tokens.js';
import { SPAN_HEAD, TOKEN_HEAD, firstTokenHead, layerTargets, type Family } from './family.js';

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

const modulesOf = (group: number, inner: number): PostNormLayer => {
  const module = `encoder.albert_layer_groups.${group}.albert_layers.${inner}`;
  const attention = `${module}.attention`;
  return {
    attention,
    query: `${attention}.query`,
    key: `${attention}.key`,
    value: `${attention}.value`,
    output: `${attention}.dense`,
    attentionNorm: `${attention}.LayerNorm`,
    up: `${module}.ffn`,
    down: `${module}.ffn_output`,
    outputNorm: `${module}.full_layer_layer_norm`,
  };
};

/**
 * ALBERT (Lan et al., arXiv 1909.11942): embeddings of a width of their own, and one layer applied again and again, or
 * one for each group of layers.
 */
export const ALBERT: Family = {
  name: 'albert',
  models: [{ type: 'albert', classPrefix: 'Albert' }],
  fields: Object.keys(schema.entries),
  build(config, weights) {
    const {
      hidden_size: hidden,
      embedding_size: width,
      num_attention_heads: heads,
      layer_norm_eps: epsilon,
      type_vocab_size: types,
      ...given
    } = readSizes(schema, config);
    const builder = new EncoderBuilder(weights);
    const sizes: LayerSizes = {
      hidden,
      heads,
      head: headSize(hidden, heads),
      wide: given.intermediate_size,
      epsilon,
      active: activation(given.hidden_act),
    };
    const words = embed(builder, 'embeddings.word_embeddings', given.vocab_size, width);
    const table = builder.weight('embeddings.position_embeddings.weight', [given.max_position_embeddings, width]);
    const positions = positionRows(builder, table, lengthOf(builder), 0);
    const typed = addTypes(builder, words, 'embeddings.token_type_embeddings', types, width);
    const sum = builder.emit('Add', [typed, positions], 'embeddings/sum');
    const embedded = builder.layerNorm(sum, 'embeddings.LayerNorm', width, epsilon);
    const bias = paddingBias(builder);
    let x = builder.linear(embedded, 'encoder.embedding_hidden_mapping_in', width, hidden);
    for (let layer = 0; layer < given.num_hidden_layers; layer++) {
      const group = Math.floor((layer * given.num_hidden_groups) / given.num_hidden_layers);
      for (let inner = 0; inner < given.inner_group_num; inner++) {
        const modules = modulesOf(group, inner);
        x = postNormLayer(builder, x, contextOf(builder, x, x, modules, sizes, bias), modules, sizes);
      }
    }
    const pooled = weights.has('pooler.weight') ? pooler(builder, x, 'pooler', hidden) : undefined;
    return finish(builder, 'albert', x, hidden, { pooled, types });
  },
  peft: {
    basePrefix: 'albert',
    norms: 'behind',
    targets: layerTargets(modulesOf(0, 0), { layer: 'every' }),
    heads: [firstTokenHead('albert.pooler', 'classifier'), TOKEN_HEAD, SPAN_HEAD],
    headModules: ['albert.pooler', 'pooler'],
  },
};
