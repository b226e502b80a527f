import { float, floatAttribute, int, type Node } from '../../ir/graph.js';
import type { Expansion } from './expansion.js';

/** ONNX's number for int32. */
const INT32 = 6;

/**
 * LayerNorm of the sum of word, position and segment embeddings. Second output: the number of tokens of each row
 * (mask_index), int32 [batch]; third: the sum. Without position ids, positions count from 0.
 */
export function expandEmbedLayerNorm(node: Node, { emit, ints }: Expansion): void {
  const [ids, segments, words, positionTable, segmentTable, scale, shift, mask, positionIds] = node.inputs as string[] &
    Record<0 | 2 | 3 | 5 | 6, string>;
  const [output, maskIndex, embeddings] = node.outputs;
  const rows = (table: string, index: string): string => emit('Gather', [table, index], { axis: int(0) });
  let sum = rows(words, ids);
  if (present(positionIds)) sum = emit('Add', [sum, rows(positionTable, positionIds)]);
  else {
    const length = emit('Shape', [ids], { start: int(1), end: int(2) });
    sum = emit('Add', [sum, emit('Slice', [positionTable, ints([0]), length, ints([0])])]);
  }
  const total = present(embeddings) ? embeddings : undefined;
  if (present(segments) && present(segmentTable)) sum = emit('Add', [sum, rows(segmentTable, segments)], {}, total);
  else if (total !== undefined) sum = emit('Identity', [sum], {}, total);
  emit(
    'LayerNormalization',
    [sum, scale, shift],
    { axis: int(-1), epsilon: float(floatAttribute(node, 'epsilon', 1e-12)) },
    output,
  );
  // Without a mask the second output has nothing to count and nobody reads it.
  if (present(maskIndex) && present(mask))
    emit('ReduceSum', [emit('Cast', [mask], { to: int(INT32) }), ints([1])], { keepdims: int(0) }, maskIndex);
}

const present = (value: string | undefined): value is string => value !== undefined && value !== '';
