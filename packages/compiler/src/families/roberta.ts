import * as v from 'valibot';
import { POSITIONS, bertConfig, bertLayer, buildBert } from './encoder/bert-encoder.js';
import { readSizes, size } from './encoder/config.js';
import type { EncoderBuilder } from './encoder/encoder-builder.js';
import { lookUp, positionsBehindPadding } from './encoder/tokens.js';
import { SPAN_HEAD, TOKEN_HEAD, firstTokenHead, layerTargets, offsetBehindPadding, type Family } from './family.js';

const schema = v.object({ ...bertConfig.entries, vocab_size: size(50_265), pad_token_id: size(1, 0) });

/** RoBERTa (Liu et al., arXiv 1907.11692), XLM-R and CamemBERT: a BERT whose positions count over the tokens. */
export const ROBERTA: Family = {
  name: 'roberta',
  models: [
    { type: 'roberta', classPrefix: 'Roberta' },
    { type: 'camembert', classPrefix: 'Camembert' },
    { type: 'xlm-roberta', classPrefix: 'XLMRoberta' },
  ],
  fields: Object.keys(schema.entries),
  build(config, weights) {
    const sizes = readSizes(schema, config);
    const { hidden_size: width, max_position_embeddings: rows, pad_token_id: padding } = sizes;
    const positions = (builder: EncoderBuilder): string => {
      const table = builder.weight(`${POSITIONS}.weight`, [rows, width]);
      return lookUp(builder, table, positionsBehindPadding(builder, padding), POSITIONS);
    };
    return buildBert(sizes, weights, { name: 'roberta', width, positions, pooled: true });
  },
  positionOffset: offsetBehindPadding,
  peft: {
    basePrefix: 'roberta',
    norms: 'behind',
    targets: layerTargets(bertLayer('#')),
    heads: [firstTokenHead('classifier.dense', 'classifier.out_proj'), TOKEN_HEAD, SPAN_HEAD],
  },
};
