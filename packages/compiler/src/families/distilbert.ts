import * as v from 'valibot';
import { activation, headSize, readSizes, size, text } from './encoder/config.js';
import { EncoderBuilder } from './encoder/encoder-builder.js';
import { contextOf, postNormLayer, type LayerSizes, type PostNormLayer } from './encoder/layer.js';
import { finish } from './encoder/outputs.js';
import { embed, lengthOf, paddingBias, positionRows } from './encoder/tokens.js';
import { SPAN_HEAD, TOKEN_HEAD, layerTargets, type Family, type InLayer } from './family.js';

const schema = v.object({
  dim: size(768),
  n_layers: size(6),
  n_heads: size(12),
  hidden_dim: size(3072),
  activation: text('gelu'),
  vocab_size: size(30_522),
  max_position_embeddings: size(512),
});

/** The norms of DistilBERT have no setting. */
const EPSILON = 1e-12;

const modulesOf: InLayer<PostNormLayer> = (layer) => {
  const module = `transformer.layer.${layer}`;
  const attention = `${module}.attention`;
  return {
    attention,
    query: `${attention}.q_lin`,
    key: `${attention}.k_lin`,
    value: `${attention}.v_lin`,
    output: `${attention}.out_lin`,
    attentionNorm: `${module}.sa_layer_norm`,
    up: `${module}.ffn.lin1`,
    down: `${module}.ffn.lin2`,
    outputNorm: `${module}.output_layer_norm`,
  };
};

/** DistilBERT (Sanh et al., arXiv 1910.01108): a BERT without token types and pooler. */
export const DISTILBERT: Family = {
  name: 'distilbert',
  models: [{ type: 'distilbert', classPrefix: 'DistilBert' }],
  fields: Object.keys(schema.entries),
  build(config, weights) {
    const { dim: hidden, n_heads: heads, ...given } = readSizes(schema, config);
    const builder = new EncoderBuilder(weights);
    const sizes: LayerSizes = {
      hidden,
      heads,
      head: headSize(hidden, heads),
      wide: given.hidden_dim,
      epsilon: EPSILON,
      active: activation(given.activation),
    };
    const words = embed(builder, 'embeddings.word_embeddings', given.vocab_size, hidden);
    const table = builder.weight('embeddings.position_embeddings.weight', [given.max_position_embeddings, hidden]);
    const positions = positionRows(builder, table, lengthOf(builder), 0);
    const sum = builder.emit('Add', [words, positions], 'embeddings/sum');
    let x = builder.layerNorm(sum, 'embeddings.LayerNorm', hidden, EPSILON);
    const bias = paddingBias(builder);
    for (let layer = 0; layer < given.n_layers; layer++) {
      const modules = modulesOf(layer);
      x = postNormLayer(builder, x, contextOf(builder, x, x, modules, sizes, bias), modules, sizes);
    }
    return finish(builder, 'distilbert', x, hidden);
  },
  peft: {
    basePrefix: 'distilbert',
    norms: 'behind',
    targets: layerTargets(modulesOf('#')),
    heads: [TOKEN_HEAD, SPAN_HEAD],
    headModules: ['pre_classifier'],
    otherHead: 'a ReLU behind pre_classifier',
  },
};
