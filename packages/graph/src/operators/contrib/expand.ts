import { operatorName, type Graph, type Node } from '../../ir/graph.js';
import { freshNames } from '../../ir/names.js';
import { prune } from '../../ir/prune.js';
import { rewrite } from '../../ir/rewrite.js';
import { expandAttention, expandMultiHeadAttention } from './attention.js';
import { expandBiasGelu, expandFastGelu, expandGelu, expandQuickGelu } from './activations.js';
import { expandEmbedLayerNorm } from './embedding.js';
import { startExpansion, type Expansion } from './expansion.js';
import { expandFusedGemm } from './products.js';
import { expandSimplifiedLayerNorm, expandSkipLayerNorm, expandSkipSimplifiedLayerNorm } from './normalization.js';

/** Emits what computes the outputs of `node` in standard operators. */
export type Expander = (node: Node, expansion: Expansion) => void;

/**
 * Operators that ONNX Runtime's transformer optimizer fuses models into, by `operatorName`. Written out here again by
 * their definition (https://github.com/microsoft/onnxruntime/blob/main/docs/ContribOperators.md), so that later rules
 * know one form of everything.
 */
export const EXPANDERS: Readonly<Record<string, Expander>> = {
  'com.microsoft:Attention': expandAttention,
  'com.microsoft:BiasGelu': expandBiasGelu,
  'com.microsoft:EmbedLayerNormalization': expandEmbedLayerNorm,
  'com.microsoft:FastGelu': expandFastGelu,
  'com.microsoft:FusedGemm': expandFusedGemm,
  'com.microsoft:Gelu': expandGelu,
  'com.microsoft:MultiHeadAttention': expandMultiHeadAttention,
  'com.microsoft:QuickGelu': expandQuickGelu,
  'com.microsoft:SkipLayerNormalization': expandSkipLayerNorm,
  'com.microsoft:SkipSimplifiedLayerNormalization': expandSkipSimplifiedLayerNorm,
  // The optimizer writes this one into the standard domain, where ONNX has no such operator.
  SimplifiedLayerNormalization: expandSimplifiedLayerNorm,
};

/** The fused operators of `graph` written out; weights are split by taking views, never copied. */
export function expandFused(graph: Graph): Graph {
  if (!graph.nodes.some((node) => operatorName(node) in EXPANDERS)) return graph;
  const fresh = freshNames(graph);
  const shared = new Map<string, string>();
  const expanded = rewrite(graph, (node, view) => {
    const expander = EXPANDERS[operatorName(node)];
    if (expander === undefined) return undefined;
    const expansion = startExpansion(node, view, fresh, shared);
    expander(node, expansion);
    return { nodes: expansion.nodes, tensors: expansion.tensors };
  });
  return prune(expanded);
}
