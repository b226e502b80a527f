import { SPAN_HEAD, TOKEN_HEAD, firstTokenHead, layerTargets, offsetBehindPadding, type Family } from './family.js';

/** MPNet (Song et al., arXiv 2004.09297), read from exports only. */
export const MPNET: Family = {
  name: 'mpnet',
  models: [{ type: 'mpnet' }],
  fields: [],
  positionOffset: offsetBehindPadding,
  peft: {
    basePrefix: 'mpnet',
    norms: 'behind',
    targets: layerTargets({
      output: 'encoder.layer.#.attention.attn.o',
      attentionNorm: 'encoder.layer.#.attention.LayerNorm',
      outputNorm: 'encoder.layer.#.output.LayerNorm',
    }),
    heads: [firstTokenHead('classifier.dense', 'classifier.out_proj'), TOKEN_HEAD, SPAN_HEAD],
  },
};
