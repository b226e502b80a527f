import { int } from '../../ir/graph.js';
import type { Operator } from '../operator.js';
import { inputAt, isPresent, outputAt } from '../support/arguments.js';
import { CONTRIB, normAttributes, outputNamed } from '../support/fused.js';

/** ONNX's number for int32. */
const INT32 = 6;

/**
 * LayerNorm of the sum of word, position and segment embeddings. Second output: the number of tokens of each row
 * (mask_index), int32 [batch]; third: the sum. Without position ids, positions count from 0.
 */
export const embedLayerNormalization: Operator = {
  name: 'com.microsoft:EmbedLayerNormalization',
  text: CONTRIB,
  expand(node, builder) {
    const [ids, words, positionTable] = [inputAt(node, 0), inputAt(node, 2), inputAt(node, 3)];
    const [scale, shift] = [inputAt(node, 5), inputAt(node, 6)];
    const [, segments, , , segmentTable, , , mask, positionIds] = node.inputs;
    const [, maskIndex, embeddings] = node.outputs;
    const rows = (table: string, index: string): string => builder.emit('Gather', [table, index], { axis: int(0) });
    let sum = rows(words, ids);
    if (isPresent(positionIds)) sum = builder.emit('Add', [sum, rows(positionTable, positionIds)]);
    else {
      const length = builder.emit('Shape', [ids], { start: int(1), end: int(2) });
      const positions = builder.emit('Slice', [positionTable, builder.ints([0]), length, builder.ints([0])]);
      sum = builder.emit('Add', [sum, positions]);
    }
    const total = outputNamed(embeddings);
    if (isPresent(segments) && isPresent(segmentTable))
      sum = builder.emit('Add', [sum, rows(segmentTable, segments)], {}, total);
    else if (isPresent(embeddings)) sum = builder.emit('Identity', [sum], {}, total);
    builder.emit('LayerNormalization', [sum, scale, shift], normAttributes(node), { output: outputAt(node, 0) });
    // Without a mask the second output has nothing to count and nobody reads it.
    if (isPresent(maskIndex) && isPresent(mask)) {
      const tokens = builder.emit('Cast', [mask], { to: int(INT32) });
      builder.emit('ReduceSum', [tokens, builder.ints([1])], { keepdims: int(0) }, { output: maskIndex });
    }
  },
};
