import { int, ints, int64Tensor } from '@hadamard-adapter/graph/internal';
import type { EncoderBuilder } from './encoder-builder.js';
import type { LayerSizes } from './layer.js';
import { IDS, lookUpDistances } from './tokens.js';

/** How a DeBERTa sees distances. */
export interface Relative {
  /** Distances from here on are all the same. */
  readonly most: number;
  /** Distances told apart on either side: the table of their embeddings has twice as many rows. */
  readonly span: number;
  /** Whether far distances share a row in logarithmic steps. */
  readonly bucketed: boolean;
  /** Whether the embeddings go through a norm first. */
  readonly normed: boolean;
  readonly hidden: number;
  readonly epsilon: number;
}

/** The part of the distances that every layer uses. */
export interface RelativePositions {
  /** Embeddings of all distances, [2·span, hidden]. */
  readonly embeddings: string;
  /** First and last row of them that a text of this length reaches, int64 [1]. */
  readonly from: string;
  readonly to: string;
  /**
   * For each query and key the row of its distance among those, int64 [batch, heads, sequence, sequence]; and for each
   * key and query.
   */
  readonly byQuery: string;
  readonly byKey: string;
}

/** What layers share: computed once for a text. */
export function relativePositions(
  builder: EncoderBuilder,
  relative: Relative,
  length: string,
  heads: number,
): RelativePositions {
  const { most, span, hidden, epsilon } = relative;
  const table = builder.weight('encoder.rel_embeddings.weight', [2 * span, hidden]);
  const embeddings = relative.normed ? builder.layerNorm(table, 'encoder.LayerNorm', hidden, epsilon) : table;
  // A text of n tokens has distances below n: the other rows need no product.
  const reach = builder.emit('Min', [length, builder.ints([span])], 'reach');
  const from = builder.emit('Sub', [builder.ints([span]), reach], 'reach/from');
  const to = builder.emit('Add', [builder.ints([span]), reach], 'reach/to');
  const rows = builder.table(
    'distance_rows',
    int64Tensor(Array.from({ length: 2 * most + 1 }, (_, i) => rowOf(i - most, relative))),
  );
  const row = builder.emit(
    'Sub',
    [lookUpDistances(builder, rows, length, most, 'distances/row'), from],
    'distances/reached',
  );
  const batch = builder.emit('Shape', [IDS], 'batch', { start: int(0), end: int(1) });
  const shape = builder.emit('Concat', [batch, builder.ints([heads]), length, length], 'scores/shape', {
    axis: int(0),
  });
  const byQuery = builder.emit('Expand', [row, shape], 'distances/by_query');
  return {
    embeddings,
    from,
    to,
    byQuery,
    byKey: builder.emit('Transpose', [byQuery], 'distances/by_key', { perm: SWAP }),
  };
}

const SWAP = ints([0, 1, 3, 2]);

/** The row of the embeddings for a distance from query to key. */
function rowOf(distance: number, { span, bucketed, most }: Relative): number {
  const seen = bucketed ? bucketOf(distance, span, most) : distance;
  return Math.min(Math.max(seen + span, 0), 2 * span - 1);
}

/**
 * Near distances as they are, far ones in logarithmic steps, computed in float32 as PyTorch does (DeBERTa v2's
 * make_log_bucket_position).
 */
export function bucketOf(distance: number, buckets: number, most: number): number {
  const middle = Math.floor(buckets / 2);
  const far = Math.abs(distance);
  if (far <= middle) return distance;
  const { fround, log } = Math;
  const share = fround(fround(log(fround(far / middle))) / fround(log(fround((most - 1) / middle))));
  return Math.sign(distance) * (Math.ceil(fround(share * (middle - 1))) + middle);
}

/**
 * Attention whose scores add up content to content, content to position and position to content (He et al., arXiv
 * 2006.03654, equation 4): the last two become the bias of an `Attention`.
 *
 * @param projections modules that the positions go through as keys and as queries.
 */
export function disentangled(
  builder: EncoderBuilder,
  [query, key, value]: readonly [string, string, string],
  projections: { readonly keys?: string; readonly queries?: string; readonly keyBias: boolean },
  relative: RelativePositions,
  { hidden, heads, head }: LayerSizes,
  padding: string,
  own: string,
): string {
  const positions = (module: string, bias: boolean): string => {
    const projected = builder.linear(relative.embeddings, module, hidden, hidden, bias);
    const reached = builder.emit(
      'Slice',
      [projected, relative.from, relative.to, builder.ints([0])],
      `${module}/reached`,
    );
    const apart = builder.emit('Reshape', [reached, builder.ints([-1, heads, head])], `${module}/heads`);
    return builder.emit('Transpose', [apart], `${module}/transposed`, { perm: ints([1, 2, 0]) });
  };
  const terms: string[] = [];
  if (projections.keys !== undefined) {
    const scores = builder.emit(
      'MatMul',
      [query, positions(projections.keys, projections.keyBias)],
      `${own}/content_to_position`,
    );
    terms.push(
      builder.emit('GatherElements', [scores, relative.byQuery], `${own}/content_to_position/picked`, { axis: int(3) }),
    );
  }
  if (projections.queries !== undefined) {
    const scores = builder.emit('MatMul', [key, positions(projections.queries, true)], `${own}/position_to_content`);
    const picked = builder.emit('GatherElements', [scores, relative.byKey], `${own}/position_to_content/picked`, {
      axis: int(3),
    });
    terms.push(builder.emit('Transpose', [picked], `${own}/position_to_content/by_query`, { perm: SWAP }));
  }
  const scale = (head * (1 + terms.length)) ** -0.5;
  const sum = terms.length === 2 ? builder.emit('Add', terms, `${own}/positions`) : terms[0];
  const bias =
    sum === undefined
      ? padding
      : builder.emit(
          'Add',
          [builder.emit('Mul', [sum, builder.scalar(scale)], `${own}/positions/scaled`), padding],
          `${own}/bias`,
        );
  return builder.attend(query, key, value, bias, scale, hidden, own);
}
