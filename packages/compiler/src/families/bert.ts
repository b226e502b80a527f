import * as v from 'valibot';
import { int, type Graph } from '@hadamard-adapter/graph/internal';
import { BASE_SIZES, activation, headSize, readSizes, real, size } from './config.js';
import { startKit, type Kit } from './kit.js';
import { addAndNorm, contextOf, feedForward, type LayerSizes } from './layer.js';
import {
  IDS,
  MASK,
  TYPES,
  addTypes,
  lengthOf,
  lookUp,
  paddingBias,
  positionRows,
  positionsAfterPadding,
} from './tokens.js';
import type { WeightSource } from './weights.js';

const schema = v.object({
  ...BASE_SIZES,
  vocab_size: size(30_522),
  type_vocab_size: size(2, 0),
  layer_norm_eps: real(1e-12),
  pad_token_id: size(0, 0),
});

type Config = v.InferOutput<typeof schema>;

/** What the relatives of BERT do in their own way. */
interface Variety {
  readonly name: string;
  /** Width of the embeddings, in front of a projection where it is not that of the hidden states. */
  readonly width: number;
  /** Embeddings of the positions. */
  readonly positions: (kit: Kit) => string;
  /** Whether the family has a pooler; a checkpoint may lack it all the same. */
  readonly pooled: boolean;
}

const POSITIONS = 'embeddings.position_embeddings';

const fromStart =
  ({ max_position_embeddings: positions }: Config, width: number) =>
  (kit: Kit): string =>
    positionRows(kit, kit.weight(`${POSITIONS}.weight`, [positions, width]), lengthOf(kit), 0);

/** BERT (Devlin et al., arXiv 1810.04805), with a pooler where the checkpoint has one. */
export function bertGraph(config: unknown, weights: WeightSource): Graph {
  const sizes = readSizes(schema, config);
  return build(sizes, weights, {
    name: 'bert',
    width: sizes.hidden_size,
    positions: fromStart(sizes, sizes.hidden_size),
    pooled: true,
  });
}

/** RoBERTa (Liu et al., arXiv 1907.11692), XLM-R and CamemBERT: a BERT whose positions count over the tokens. */
export function robertaGraph(config: unknown, weights: WeightSource): Graph {
  const sizes = readSizes(v.object({ ...schema.entries, vocab_size: size(50_265), pad_token_id: size(1, 0) }), config);
  const positions = (kit: Kit): string =>
    lookUp(
      kit,
      kit.weight(`${POSITIONS}.weight`, [sizes.max_position_embeddings, sizes.hidden_size]),
      positionsAfterPadding(kit, sizes.pad_token_id),
      POSITIONS,
    );
  return build(sizes, weights, { name: 'roberta', width: sizes.hidden_size, positions, pooled: true });
}

/** ELECTRA's discriminator (Clark et al., arXiv 2003.10555): embeddings of a width of their own, no pooler. */
export function electraGraph(config: unknown, weights: WeightSource): Graph {
  const sizes = readSizes(
    v.object({
      ...schema.entries,
      hidden_size: size(256),
      num_attention_heads: size(4),
      intermediate_size: size(1024),
      embedding_size: size(128),
    }),
    config,
  );
  return build(sizes, weights, {
    name: 'electra',
    width: sizes.embedding_size,
    positions: fromStart(sizes, sizes.embedding_size),
    pooled: false,
  });
}

function build(config: Config, weights: WeightSource, { name, width, positions, pooled }: Variety): Graph {
  const kit = startKit(weights);
  const { hidden_size: hidden, num_attention_heads: heads, layer_norm_eps: epsilon, type_vocab_size: types } = config;
  const sizes: LayerSizes = {
    hidden,
    heads,
    head: headSize(hidden, heads),
    wide: config.intermediate_size,
    epsilon,
    active: activation(config.hidden_act),
  };

  const words = lookUp(
    kit,
    kit.weight('embeddings.word_embeddings.weight', [config.vocab_size, width]),
    IDS,
    'embeddings.word_embeddings',
  );
  const sum = kit.emit(
    'Add',
    [addTypes(kit, words, 'embeddings.token_type_embeddings', types, width), positions(kit)],
    'embeddings/sum',
  );
  const embedded = kit.layerNorm(sum, 'embeddings.LayerNorm', width, epsilon);
  const bias = paddingBias(kit);
  let x = width === hidden ? embedded : kit.linear(embedded, 'embeddings_project', width, hidden);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const module = `encoder.layer.${layer}`;
    const own = `${module}.attention.self`;
    const context = contextOf(
      kit,
      x,
      x,
      { query: `${own}.query`, key: `${own}.key`, value: `${own}.value` },
      sizes,
      bias,
      own,
    );
    const attended = addAndNorm(
      kit,
      context,
      x,
      `${module}.attention.output.dense`,
      `${module}.attention.output.LayerNorm`,
      hidden,
      sizes,
    );
    x = feedForward(
      kit,
      attended,
      { up: `${module}.intermediate.dense`, down: `${module}.output.dense`, norm: `${module}.output.LayerNorm` },
      sizes,
    );
  }
  return finish(kit, name, x, hidden, {
    pooled: pooled && weights.has('pooler.dense.weight') ? pooler(kit, x, 'pooler.dense', hidden) : undefined,
    types,
  });
}

/** tanh of a linear layer on the first position, as BERT was pretrained with it. */
export function pooler(kit: Kit, x: string, module: string, hidden: number): string {
  const first = kit.emit('Gather', [x, kit.index(0)], `${module}/first`, { axis: int(1) });
  return kit.emit('Tanh', [kit.linear(first, module, hidden, hidden)], `${module}/tanh`);
}

/** The graph with its usual inputs and outputs. */
export function finish(
  kit: Kit,
  name: string,
  x: string,
  hidden: number,
  { pooled, types = 0 }: { pooled?: string | undefined; types?: number } = {},
): Graph {
  return kit.finish(name, types > 1 ? [IDS, MASK, TYPES] : [IDS, MASK], [
    [x, 'last_hidden_state', ['batch', 'sequence', hidden]],
    ...(pooled === undefined ? [] : [[pooled, 'pooler_output', ['batch', hidden]] as const]),
  ]);
}
