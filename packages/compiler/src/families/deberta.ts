import { DEBERTA_PEFT, buildDeberta, debertaConfig, type DebertaVersion } from './encoder/deberta-encoder.js';
import { readSizes } from './encoder/config.js';
import type { Family } from './family.js';

/**
 * One matrix for all three, its rows by head: queries, keys and values of the first, then those of the second. Only
 * queries and values have a bias.
 */
const interleaved: DebertaVersion['operands'] = (builder, x, { attention }, { hidden, heads, head }) => {
  const packed = builder.byHead(builder.linear(x, `${attention}.in_proj`, hidden, 3 * hidden, false), heads, 3 * head);
  const part = (from: number, which: string): string => {
    const range = [builder.ints([from]), builder.ints([from + head]), builder.ints([3])];
    return builder.emit('Slice', [packed, ...range], `${attention}/${which}`);
  };
  const biased = (value: string, name: string): string => {
    const bias = [builder.weight(`${attention}.${name}`, [hidden]), builder.ints([heads, 1, head])];
    const byHead = builder.emit('Reshape', bias, `${attention}.${name}/by_head`);
    return builder.emit('Add', [value, byHead], `${value}/biased`);
  };
  return [biased(part(0, 'query'), 'q_bias'), part(head, 'key'), biased(part(2 * head, 'value'), 'v_bias')];
};

/** DeBERTa (He et al., arXiv 2006.03654): scores from content and from relative positions apart. */
export const DEBERTA: Family = {
  name: 'deberta',
  models: [{ type: 'deberta', classPrefix: 'Deberta' }],
  fields: Object.keys(debertaConfig.entries),
  build: (config, weights) =>
    buildDeberta(readSizes(debertaConfig, config), weights, {
      name: 'deberta',
      buckets: undefined,
      normed: false,
      operands: interleaved,
      positions: { keys: 'pos_proj', queries: 'pos_q_proj', keyBias: false },
    }),
  peft: DEBERTA_PEFT,
};
