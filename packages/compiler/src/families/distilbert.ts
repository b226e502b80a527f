import * as v from 'valibot';
import type { Graph } from '@hadamard-adapter/graph/internal';
import { finish } from './bert.js';
import { activation, headSize, readSizes, size, text } from './config.js';
import { startKit } from './kit.js';
import { addAndNorm, contextOf, feedForward, type LayerSizes } from './layer.js';
import { IDS, lengthOf, lookUp, paddingBias, positionRows } from './tokens.js';
import type { WeightSource } from './weights.js';

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

/** DistilBERT (Sanh et al., arXiv 1910.01108): a BERT without token types and pooler. */
export function distilbertGraph(config: unknown, weights: WeightSource): Graph {
  const { dim: hidden, n_heads: heads, ...given } = readSizes(schema, config);
  const kit = startKit(weights);
  const sizes: LayerSizes = {
    hidden,
    heads,
    head: headSize(hidden, heads),
    wide: given.hidden_dim,
    epsilon: EPSILON,
    active: activation(given.activation),
  };
  const words = lookUp(
    kit,
    kit.weight('embeddings.word_embeddings.weight', [given.vocab_size, hidden]),
    IDS,
    'embeddings.word_embeddings',
  );
  const positions = positionRows(
    kit,
    kit.weight('embeddings.position_embeddings.weight', [given.max_position_embeddings, hidden]),
    lengthOf(kit),
    0,
  );
  let x = kit.layerNorm(kit.emit('Add', [words, positions], 'embeddings/sum'), 'embeddings.LayerNorm', hidden, EPSILON);
  const bias = paddingBias(kit);
  for (let layer = 0; layer < given.n_layers; layer++) {
    const module = `transformer.layer.${layer}`;
    const own = `${module}.attention`;
    const context = contextOf(
      kit,
      x,
      x,
      { query: `${own}.q_lin`, key: `${own}.k_lin`, value: `${own}.v_lin` },
      sizes,
      bias,
      own,
    );
    const attended = addAndNorm(kit, context, x, `${own}.out_lin`, `${module}.sa_layer_norm`, hidden, sizes);
    x = feedForward(
      kit,
      attended,
      { up: `${module}.ffn.lin1`, down: `${module}.ffn.lin2`, norm: `${module}.output_layer_norm` },
      sizes,
    );
  }
  return finish(kit, 'distilbert', x, hidden);
}
