import * as v from 'valibot';
import { bertConfig, bertLayer, buildBert, fromStart } from './encoder/bert-encoder.js';
import { readSizes, size } from './encoder/config.js';
import { SPAN_HEAD, TOKEN_HEAD, layerTargets, type Family } from './family.js';

const schema = v.object({
  ...bertConfig.entries,
  hidden_size: size(256),
  num_attention_heads: size(4),
  intermediate_size: size(1024),
  embedding_size: size(128),
});

/** ELECTRA's discriminator (Clark et al., arXiv 2003.10555): embeddings of a width of their own, no pooler. */
export const ELECTRA: Family = {
  name: 'electra',
  models: [{ type: 'electra', classPrefix: 'Electra' }],
  fields: Object.keys(schema.entries),
  build(config, weights) {
    const sizes = readSizes(schema, config);
    const { embedding_size: width } = sizes;
    return buildBert(sizes, weights, { name: 'electra', width, positions: fromStart(sizes, width), pooled: false });
  },
  peft: {
    basePrefix: 'electra',
    norms: 'behind',
    targets: layerTargets(bertLayer('#')),
    heads: [TOKEN_HEAD, SPAN_HEAD],
    otherHead: 'a GELU between its layers',
  },
};
