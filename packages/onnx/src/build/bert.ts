import * as v from 'valibot';
import type { Graph } from '../graph/graph.js';
import { activation, headSize, readSizes, real, size, text } from './config.js';
import { startKit, type Kit } from './kit.js';
import { addAndNorm, contextOf, feedForward, type LayerSizes } from './layer.js';
import { IDS, MASK, TYPES, addTypes, lengthOf, lookUp, paddingBias, positionRows, positionsAfterPadding } from './tokens.js';
import type { WeightSource } from './weights.js';

const schema = v.object({
  hidden_size: size(768),
  num_hidden_layers: size(12),
  num_attention_heads: size(12),
  intermediate_size: size(3072),
  hidden_act: text('gelu'),
  vocab_size: size(30_522),
  max_position_embeddings: size(512),
  type_vocab_size: size(2, 0),
  layer_norm_eps: real(1e-12),
  pad_token_id: size(0, 0),
  embedding_size: v.nullish(v.number()),
});

/** Sizes of a BERT, in the words of its Hugging Face config. */
export type BertConfig = v.InferOutput<typeof schema>;

/** BERT (Devlin et al., arXiv 1810.04805), with a pooler where the checkpoint has one. */
export const bertGraph = (config: unknown, weights: WeightSource): Graph => build('bert', readSizes(schema, config), weights, (kit, sizes) => fromStart(kit, sizes.max_position_embeddings, sizes.hidden_size));

/** RoBERTa (Liu et al., arXiv 1907.11692), XLM-R and CamemBERT: a BERT whose positions count over the tokens. */
export function robertaGraph(config: unknown, weights: WeightSource): Graph {
  const sizes = readSizes(v.object({ ...schema.entries, vocab_size: size(50_265), pad_token_id: size(1, 0) }), config);
  return build('roberta', sizes, weights, (kit) => {
    const ids = positionsAfterPadding(kit, sizes.pad_token_id);
    return lookUp(kit, kit.weight('embeddings.position_embeddings.weight', [sizes.max_position_embeddings, sizes.hidden_size]), ids, 'embeddings.position_embeddings');
  });
}

/** ELECTRA's discriminator (Clark et al., arXiv 2003.10555): embeddings of a width of their own. */
export function electraGraph(config: unknown, weights: WeightSource): Graph {
  const sizes = readSizes(v.object({ ...schema.entries, hidden_size: size(256), num_attention_heads: size(4), intermediate_size: size(1024), embedding_size: size(128) }), config);
  return build('electra', sizes, weights, (kit, { embedding_size: width }) => fromStart(kit, sizes.max_position_embeddings, width as number));
}

function fromStart(kit: Kit, positions: number, width: number): string {
  return positionRows(kit, kit.weight('embeddings.position_embeddings.weight', [positions, width]), lengthOf(kit), 0);
}

function build(name: string, config: BertConfig, weights: WeightSource, positionsOf: (kit: Kit, config: BertConfig) => string): Graph {
  const kit = startKit(weights);
  const { hidden_size: hidden, num_attention_heads: heads, layer_norm_eps: epsilon, type_vocab_size: types, embedding_size } = config;
  const width = embedding_size ?? hidden;
  const sizes: LayerSizes = { hidden, heads, head: headSize(hidden, heads), wide: config.intermediate_size, epsilon, active: activation(config.hidden_act) };

  const words = lookUp(kit, kit.weight('embeddings.word_embeddings.weight', [config.vocab_size, width]), IDS, 'embeddings.word_embeddings');
  const sum = kit.emit('Add', [addTypes(kit, words, 'embeddings.token_type_embeddings', types, width), positionsOf(kit, config)], 'embeddings/sum');
  const embedded = kit.layerNorm(sum, 'embeddings.LayerNorm', width, epsilon);
  const bias = paddingBias(kit);
  let x = width === hidden ? embedded : kit.linear(embedded, 'embeddings_project', width, hidden);
  for (let layer = 0; layer < config.num_hidden_layers; layer++) {
    const module = `encoder.layer.${layer}`;
    const own = `${module}.attention.self`;
    const context = contextOf(kit, x, x, { query: `${own}.query`, key: `${own}.key`, value: `${own}.value` }, sizes, bias, own);
    const attended = addAndNorm(kit, context, x, `${module}.attention.output.dense`, `${module}.attention.output.LayerNorm`, hidden, sizes);
    x = feedForward(kit, attended, { up: `${module}.intermediate.dense`, down: `${module}.output.dense`, norm: `${module}.output.LayerNorm` }, sizes);
  }
  const pooled = name !== 'electra' && weights.has('pooler.dense.weight') ? pooler(kit, x, 'pooler.dense', hidden) : undefined;
  return finish(kit, name, x, hidden, { pooled, types });
}

/** tanh of a linear layer on the first position, as BERT was pretrained with it. */
export function pooler(kit: Kit, x: string, module: string, hidden: number): string {
  const first = kit.emit('Gather', [x, kit.index(0)], `${module}/first`, { axis: { type: 'int', value: 1 } });
  return kit.emit('Tanh', [kit.linear(first, module, hidden, hidden)], `${module}/tanh`);
}

/** The graph with its usual inputs and outputs. */
export function finish(kit: Kit, name: string, x: string, hidden: number, { pooled, types = 0 }: { pooled?: string | undefined; types?: number } = {}): Graph {
  return kit.finish(name, types > 1 ? [IDS, MASK, TYPES] : [IDS, MASK], [
    [x, 'last_hidden_state', ['batch', 'sequence', hidden]],
    ...(pooled === undefined ? [] : [[pooled, 'pooler_output', ['batch', hidden]] as const]),
  ]);
}
