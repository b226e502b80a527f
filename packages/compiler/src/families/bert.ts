import { bertConfig, bertLayer, buildBert, fromStart } from './encoder/bert-encoder.js';
import { readSizes } from './encoder/config.js';
import { SPAN_HEAD, TOKEN_HEAD, firstTokenHead, layerTargets, type Family } from './family.js';

/** BERT (Devlin et al., arXiv 1810.04805), with a pooler where the checkpoint has one. */
export const BERT: Family = {
  name: 'bert',
  models: [{ type: 'bert', classPrefix: 'Bert' }],
  fields: Object.keys(bertConfig.entries),
  build(config, weights) {
    const sizes = readSizes(bertConfig, config);
    const { hidden_size: width } = sizes;
    return buildBert(sizes, weights, { name: 'bert', width, positions: fromStart(sizes, width), pooled: true });
  },
  peft: {
    basePrefix: 'bert',
    norms: 'behind',
    targets: layerTargets(bertLayer('#')),
    heads: [firstTokenHead('bert.pooler.dense', 'classifier'), TOKEN_HEAD, SPAN_HEAD],
    headModules: ['bert.pooler', 'pooler'],
  },
};
