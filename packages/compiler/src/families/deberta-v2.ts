import * as v from 'valibot';
import { readSizes, size } from './encoder/config.js';
import { DEBERTA_PEFT, buildDeberta, debertaConfig, type DebertaVersion } from './encoder/deberta-encoder.js';
import type { Family } from './family.js';

const schema = v.object({ ...debertaConfig.entries, vocab_size: size(128_100) });

const apart: DebertaVersion['operands'] = (builder, x, { query, key, value }, { hidden, heads, head }) => {
  const project = (module: string): string => builder.byHead(builder.linear(x, module, hidden, hidden), heads, head);
  return [project(query), project(key), project(value)];
};

/** DeBERTa version 2, and 3 (He et al., arXiv 2111.09543): positions in logarithmic buckets, projected like tokens. */
export const DEBERTA_V2: Family = {
  name: 'deberta-v2',
  models: [{ type: 'deberta-v2', classPrefix: 'DebertaV2' }],
  fields: Object.keys(schema.entries),
  build(config, weights) {
    const given = readSizes(schema, config);
    const { position_buckets: buckets, norm_rel_ebd: norm, share_att_key: shared } = given;
    return buildDeberta(given, weights, {
      name: 'deberta-v2',
      buckets: buckets > 0 ? buckets : undefined,
      normed: norm.includes('layer_norm'),
      operands: apart,
      positions: shared
        ? { keys: 'key_proj', queries: 'query_proj', keyBias: true }
        : { keys: 'pos_key_proj', queries: 'pos_query_proj', keyBias: true },
    });
  },
  peft: DEBERTA_PEFT,
};
