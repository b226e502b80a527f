/** What a module is: the adapter of an attention, the norm behind it, or the norm behind the feed-forward. */
export type ModuleRole = 'adapter' | 'attention_norm' | 'output_norm';

/** Where a module of a Hugging Face model sits, in the words of `SiteInfo`. */
export interface Place {
  readonly role: ModuleRole;
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
  /** `base_model_prefix` of models with a head, and which models those are. */
  readonly basePrefixes: Readonly<Record<string, string>>;
  readonly norms: Place['norms'];
  /**
   * By path, `#` for the number of the layer. `previous`: a norm in front of the attention follows the feed-forward of
   * the layer before.
   */
  readonly modules: Readonly<
    Record<
      string,
      {
        readonly role: ModuleRole;
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
    basePrefixes: { bert: 'bert', roberta: 'roberta', electra: 'electra', deberta: 'deberta' },
    norms: 'behind',
    modules: {
      'encoder.layer.#.attention.output.dense': { role: 'adapter' },
      'encoder.layer.#.attention.output.LayerNorm': { role: 'attention_norm' },
      'encoder.layer.#.output.LayerNorm': { role: 'output_norm' },
    },
  },
  {
    basePrefixes: { mpnet: 'mpnet' },
    norms: 'behind',
    modules: {
      'encoder.layer.#.attention.attn.o': { role: 'adapter' },
      'encoder.layer.#.attention.LayerNorm': { role: 'attention_norm' },
      'encoder.layer.#.output.LayerNorm': { role: 'output_norm' },
    },
  },
  {
    basePrefixes: { distilbert: 'distilbert' },
    norms: 'behind',
    modules: {
      'transformer.layer.#.attention.out_lin': { role: 'adapter' },
      'transformer.layer.#.sa_layer_norm': { role: 'attention_norm' },
      'transformer.layer.#.output_layer_norm': { role: 'output_norm' },
    },
  },
  {
    basePrefixes: { albert: 'albert' },
    norms: 'behind',
    modules: {
      'encoder.albert_layer_groups.0.albert_layers.0.attention.dense': { role: 'adapter', layer: 'every' },
      'encoder.albert_layer_groups.0.albert_layers.0.attention.LayerNorm': { role: 'attention_norm', layer: 'every' },
      'encoder.albert_layer_groups.0.albert_layers.0.full_layer_layer_norm': { role: 'output_norm', layer: 'every' },
    },
  },
  {
    basePrefixes: { model: 'bart' },
    norms: 'behind',
    modules: {
      'encoder.layers.#.self_attn.out_proj': { role: 'adapter' },
      'encoder.layers.#.self_attn_layer_norm': { role: 'attention_norm' },
      'encoder.layers.#.final_layer_norm': { role: 'output_norm' },
      'decoder.layers.#.self_attn.out_proj': { role: 'adapter', part: 'decoder' },
      'decoder.layers.#.self_attn_layer_norm': { role: 'attention_norm', part: 'decoder' },
      'decoder.layers.#.encoder_attn.out_proj': { role: 'adapter', part: 'decoder', kind: 'cross' },
      'decoder.layers.#.encoder_attn_layer_norm': { role: 'attention_norm', part: 'decoder', kind: 'cross' },
      'decoder.layers.#.final_layer_norm': { role: 'output_norm', part: 'decoder' },
    },
  },
  {
    basePrefixes: { transformer: 't5' },
    norms: 'before',
    modules: {
      'encoder.block.#.layer.0.SelfAttention.o': { role: 'adapter' },
      'encoder.block.#.layer.1.layer_norm': { role: 'attention_norm' },
      'encoder.block.#.layer.0.layer_norm': { role: 'output_norm', layer: 'previous' },
      'encoder.final_layer_norm': { role: 'output_norm', layer: 'last' },
    },
  },
  {
    basePrefixes: { model: 'modernbert' },
    norms: 'before',
    modules: {
      'layers.#.attn.Wo': { role: 'adapter' },
      'layers.#.mlp_norm': { role: 'attention_norm' },
      'layers.#.attn_norm': { role: 'output_norm', layer: 'previous' },
      final_norm: { role: 'output_norm', layer: 'last' },
    },
  },
];

const PATTERNS = FAMILIES.flatMap(({ basePrefixes, norms, modules }) =>
  Object.entries(modules).map(([path, at]) => ({
    basePrefixes,
    norms,
    at,
    pattern: new RegExp(
      `^(?:(${Object.keys(basePrefixes).join('|')})\\.)?${path.replaceAll('.', '\\.').replace('#', '(\\d{1,4})')}$`,
    ),
  })),
);

/**
 * The place of a module by its path in the model, `bert.encoder.layer.0.attention.output.dense` or without `bert.`;
 * undefined when it is none of ours.
 */
export function placeOf(module: string): KnownModule | undefined {
  for (const { pattern, basePrefixes, norms, at } of PATTERNS) {
    const match = pattern.exec(module);
    if (match === null) continue;
    const [, prefix, digits = '0'] = match;
    const number = Number(digits);
    // In front of the first attention stands a norm that follows no feed-forward.
    if (at.layer === 'previous' && number === 0) return undefined;
    const layer = at.layer === 'previous' ? number - 1 : (at.layer ?? number);
    return {
      role: at.role,
      part: at.part ?? 'encoder',
      kind: at.kind ?? 'self',
      layer,
      norms,
      model: prefix === undefined ? '' : (basePrefixes[prefix] as string),
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
