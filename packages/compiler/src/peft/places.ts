/** What a place holds: the adapter of an attention, the norm behind it, or the norm behind the feed-forward. */
export type Slot = 'adapter' | 'attention_norm' | 'output_norm';

/** Where a module of a Hugging Face model sits, in the words of `SiteInfo`. */
export interface Place {
  readonly slot: Slot;
  readonly part: 'encoder' | 'decoder';
  readonly kind: 'self' | 'cross';
  /** Number within its part; `every` where one module serves all layers. */
  readonly layer: number | 'last' | 'every';
  /** Whether norms follow the residual sums, as in BERT, or stand in front of the blocks, as in T5. */
  readonly norms: 'behind' | 'before';
}

/**
 * A module that is known, and the name of the model it is part of; empty where the model has no head, for then nothing
 * tells.
 */
export interface KnownModule extends Place {
  readonly model: string;
}

interface Family {
  /** What models with a head call their encoder, and which models those are. */
  readonly trunks: Readonly<Record<string, string>>;
  readonly norms: Place['norms'];
  /**
   * By path, `#` for the number of the layer. `previous`: a norm in front of the attention follows the feed-forward of
   * the layer before.
   */
  readonly modules: Readonly<
    Record<
      string,
      {
        readonly slot: Slot;
        readonly part?: 'decoder';
        readonly kind?: 'cross';
        readonly layer?: 'last' | 'every' | 'previous';
      }
    >
  >;
}

/** Output projections of attentions, and the norms that `findSites` finds for them. */
const FAMILIES: readonly Family[] = [
  {
    trunks: { bert: 'bert', roberta: 'roberta', electra: 'electra', deberta: 'deberta' },
    norms: 'behind',
    modules: {
      'encoder.layer.#.attention.output.dense': { slot: 'adapter' },
      'encoder.layer.#.attention.output.LayerNorm': { slot: 'attention_norm' },
      'encoder.layer.#.output.LayerNorm': { slot: 'output_norm' },
    },
  },
  {
    trunks: { mpnet: 'mpnet' },
    norms: 'behind',
    modules: {
      'encoder.layer.#.attention.attn.o': { slot: 'adapter' },
      'encoder.layer.#.attention.LayerNorm': { slot: 'attention_norm' },
      'encoder.layer.#.output.LayerNorm': { slot: 'output_norm' },
    },
  },
  {
    trunks: { distilbert: 'distilbert' },
    norms: 'behind',
    modules: {
      'transformer.layer.#.attention.out_lin': { slot: 'adapter' },
      'transformer.layer.#.sa_layer_norm': { slot: 'attention_norm' },
      'transformer.layer.#.output_layer_norm': { slot: 'output_norm' },
    },
  },
  {
    trunks: { albert: 'albert' },
    norms: 'behind',
    modules: {
      'encoder.albert_layer_groups.0.albert_layers.0.attention.dense': { slot: 'adapter', layer: 'every' },
      'encoder.albert_layer_groups.0.albert_layers.0.attention.LayerNorm': { slot: 'attention_norm', layer: 'every' },
      'encoder.albert_layer_groups.0.albert_layers.0.full_layer_layer_norm': { slot: 'output_norm', layer: 'every' },
    },
  },
  {
    trunks: { model: 'bart' },
    norms: 'behind',
    modules: {
      'encoder.layers.#.self_attn.out_proj': { slot: 'adapter' },
      'encoder.layers.#.self_attn_layer_norm': { slot: 'attention_norm' },
      'encoder.layers.#.final_layer_norm': { slot: 'output_norm' },
      'decoder.layers.#.self_attn.out_proj': { slot: 'adapter', part: 'decoder' },
      'decoder.layers.#.self_attn_layer_norm': { slot: 'attention_norm', part: 'decoder' },
      'decoder.layers.#.encoder_attn.out_proj': { slot: 'adapter', part: 'decoder', kind: 'cross' },
      'decoder.layers.#.encoder_attn_layer_norm': { slot: 'attention_norm', part: 'decoder', kind: 'cross' },
      'decoder.layers.#.final_layer_norm': { slot: 'output_norm', part: 'decoder' },
    },
  },
  {
    trunks: { transformer: 't5' },
    norms: 'before',
    modules: {
      'encoder.block.#.layer.0.SelfAttention.o': { slot: 'adapter' },
      'encoder.block.#.layer.1.layer_norm': { slot: 'attention_norm' },
      'encoder.block.#.layer.0.layer_norm': { slot: 'output_norm', layer: 'previous' },
      'encoder.final_layer_norm': { slot: 'output_norm', layer: 'last' },
    },
  },
  {
    trunks: { model: 'modernbert' },
    norms: 'before',
    modules: {
      'layers.#.attn.Wo': { slot: 'adapter' },
      'layers.#.mlp_norm': { slot: 'attention_norm' },
      'layers.#.attn_norm': { slot: 'output_norm', layer: 'previous' },
      final_norm: { slot: 'output_norm', layer: 'last' },
    },
  },
];

const PATTERNS = FAMILIES.flatMap(({ trunks, norms, modules }) =>
  Object.entries(modules).map(([path, at]) => ({
    trunks,
    norms,
    at,
    pattern: new RegExp(
      `^(?:(${Object.keys(trunks).join('|')})\\.)?${path.replaceAll('.', '\\.').replace('#', '(\\d{1,4})')}$`,
    ),
  })),
);

/**
 * The place of a module by its path in the model, `bert.encoder.layer.0.attention.output.dense` or without `bert.`;
 * undefined when it is none of ours.
 */
export function placeOf(module: string): KnownModule | undefined {
  for (const { pattern, trunks, norms, at } of PATTERNS) {
    const match = pattern.exec(module);
    if (match === null) continue;
    const [, trunk, digits = '0'] = match;
    const number = Number(digits);
    // In front of the first attention stands a norm that follows no feed-forward.
    if (at.layer === 'previous' && number === 0) return undefined;
    const layer = at.layer === 'previous' ? number - 1 : (at.layer ?? number);
    return {
      slot: at.slot,
      part: at.part ?? 'encoder',
      kind: at.kind ?? 'self',
      layer,
      norms,
      model: trunk === undefined ? '' : (trunks[trunk] as string),
    };
  }
  return undefined;
}

/** The number of a layer in the path of a module. */
const NUMBER = /((?:^|\.)(?:layers?|block)\.)\d+(?=\.)/;

/** The same module in another layer; undefined where its path has no number of a layer. */
export function moduleInLayer(module: string, layer: number): string | undefined {
  return NUMBER.test(module) ? module.replace(NUMBER, (_, before: string) => `${before}${layer}`) : undefined;
}
