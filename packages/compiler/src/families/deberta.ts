import * as v from 'valibot';
import { int, type Graph } from '@hadamard-adapter/graph/internal';
import { finish } from './bert.js';
import { BASE_SIZES, activation, flag, headSize, ownSize, readSizes, real, refuse, size, text } from './config.js';
import { disentangled, relativePositions, type Relative } from './disentangled.js';
import { startKit, type Kit } from './kit.js';
import { addAndNorm, feedForward, type LayerSizes } from './layer.js';
import { IDS, MASK, addTypes, lengthOf, lookUp, paddingBias, positionRows } from './tokens.js';
import type { WeightSource } from './weights.js';

const schema = v.object({
  ...BASE_SIZES,
  vocab_size: size(50_265),
  type_vocab_size: size(0, 0),
  layer_norm_eps: real(1e-7),
  relative_attention: flag(false),
  max_relative_positions: size(-1, -1),
  position_buckets: size(-1, -1),
  position_biased_input: flag(true),
  pos_att_type: v.nullish(v.union([v.string(), v.array(v.string())]), []),
  share_att_key: flag(false),
  norm_rel_ebd: text('none'),
  talking_head: flag(false),
  embedding_size: ownSize,
  conv_kernel_size: size(0, 0),
});

type Config = v.InferOutput<typeof schema>;

/** DeBERTa (He et al., arXiv 2006.03654): scores from content and from relative positions apart. */
export const debertaGraph = (config: unknown, weights: WeightSource): Graph =>
  build('deberta', readSizes(schema, config), weights);

/** Version 2, and 3 (He et al., arXiv 2111.09543): positions in logarithmic buckets, projected like tokens. */
export const debertaV2Graph = (config: unknown, weights: WeightSource): Graph =>
  build('deberta-v2', readSizes(v.object({ ...schema.entries, vocab_size: size(128_100) }), config), weights);

function build(version: 'deberta' | 'deberta-v2', given: Config, weights: WeightSource): Graph {
  const { hidden_size: hidden, num_attention_heads: heads, layer_norm_eps: epsilon, type_vocab_size: types } = given;
  const width = given.embedding_size ?? hidden;
  if (!given.relative_attention) refuse('this form of DeBERTa', 'relative_attention false', 'relative_attention true');
  if (given.conv_kernel_size > 0)
    refuse('this form of DeBERTa', 'a convolution behind the first layer', 'no conv_kernel_size');
  if (given.talking_head) refuse('this form of DeBERTa', 'talking_head', 'heads on their own');
  const kit = startKit(weights);
  const sizes: LayerSizes = {
    hidden,
    heads,
    head: headSize(hidden, heads),
    wide: given.intermediate_size,
    epsilon,
    active: activation(given.hidden_act),
  };

  const length = lengthOf(kit);
  const words = lookUp(
    kit,
    kit.weight('embeddings.word_embeddings.weight', [given.vocab_size, width]),
    IDS,
    'embeddings.word_embeddings',
  );
  const absolute = given.position_biased_input
    ? positionRows(
        kit,
        kit.weight('embeddings.position_embeddings.weight', [given.max_position_embeddings, width]),
        length,
        0,
      )
    : undefined;
  const placed = absolute === undefined ? words : kit.emit('Add', [words, absolute], 'embeddings/placed');
  const sum = addTypes(kit, placed, 'embeddings.token_type_embeddings', types, width);
  const normed = kit.layerNorm(
    width === hidden ? sum : kit.linear(sum, 'embeddings.embed_proj', width, hidden, false),
    'embeddings.LayerNorm',
    hidden,
    epsilon,
  );
  // Padding is set to zero once, behind the embeddings.
  let x = kit.emit(
    'Mul',
    [
      normed,
      kit.emit('Unsqueeze', [kit.emit('Cast', [MASK], 'mask/float', { to: int(1) }), kit.ints([2])], 'mask/column'),
    ],
    'embeddings',
  );
  const padding = paddingBias(kit);
  const relative = relativePositions(kit, relativeOf(version, given), length, heads);
  for (let layer = 0; layer < given.num_hidden_layers; layer++) {
    const module = `encoder.layer.${layer}`;
    const own = `${module}.attention.self`;
    const parts = version === 'deberta' ? interleaved(kit, x, own, sizes) : apart(kit, x, own, sizes);
    const context = disentangled(kit, parts, projections(version, given, own), relative, sizes, padding, own);
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
  return finish(kit, version, x, hidden, { types });
}

function relativeOf(version: 'deberta' | 'deberta-v2', given: Config): Relative {
  const most = given.max_relative_positions < 1 ? given.max_position_embeddings : given.max_relative_positions;
  const buckets = version === 'deberta-v2' && given.position_buckets > 0 ? given.position_buckets : undefined;
  return {
    most,
    span: buckets ?? most,
    bucketed: buckets !== undefined,
    normed: version === 'deberta-v2' && given.norm_rel_ebd.includes('layer_norm'),
    hidden: given.hidden_size,
    epsilon: given.layer_norm_eps,
  };
}

/** Which projections the positions go through; undefined where that part of the score is left out. */
function projections(
  version: 'deberta' | 'deberta-v2',
  { pos_att_type: kinds, share_att_key: shared }: Config,
  own: string,
): { keys?: string; queries?: string; keyBias: boolean } {
  const has = (kind: string): boolean => kinds.includes(kind);
  const [keys, queries] =
    version === 'deberta'
      ? ['pos_proj', 'pos_q_proj']
      : shared
        ? ['key_proj', 'query_proj']
        : ['pos_key_proj', 'pos_query_proj'];
  return {
    ...(has('c2p') ? { keys: `${own}.${keys}` } : {}),
    ...(has('p2c') ? { queries: `${own}.${queries}` } : {}),
    keyBias: version !== 'deberta',
  };
}

function apart(kit: Kit, x: string, own: string, { hidden, heads, head }: LayerSizes): [string, string, string] {
  return ['query_proj', 'key_proj', 'value_proj'].map((part) =>
    kit.byHead(kit.linear(x, `${own}.${part}`, hidden, hidden), heads, head),
  ) as [string, string, string];
}

/**
 * One matrix for all three, its rows by head: queries, keys and values of the first, then those of the second. Only
 * queries and values have a bias.
 */
function interleaved(kit: Kit, x: string, own: string, { hidden, heads, head }: LayerSizes): [string, string, string] {
  const packed = kit.byHead(kit.linear(x, `${own}.in_proj`, hidden, 3 * hidden, false), heads, 3 * head);
  const part = (from: number, which: string): string =>
    kit.emit('Slice', [packed, kit.ints([from]), kit.ints([from + head]), kit.ints([3])], `${own}/${which}`);
  const biased = (value: string, name: string): string => {
    const byHead = kit.emit(
      'Reshape',
      [kit.weight(`${own}.${name}`, [hidden]), kit.ints([heads, 1, head])],
      `${own}.${name}/by_head`,
    );
    return kit.emit('Add', [value, byHead], `${value}/biased`);
  };
  return [biased(part(0, 'query'), 'q_bias'), part(head, 'key'), biased(part(2 * head, 'value'), 'v_bias')];
}
