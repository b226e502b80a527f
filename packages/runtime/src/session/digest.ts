import { rotaryTables } from '@hadamard-adapter/compiler/internal';
import {
  INTERNAL_DOMAIN,
  intAttribute,
  type Graph,
  type Tensor,
  elementCount,
  toFloat32,
} from '@hadamard-adapter/graph/internal';

/**
 * The weights of a base as its digest sees them: every float tensor and packed matrix, those of linear layers as
 * PyTorch keeps them, [out, in]. So an adapter that was trained on one export fits the others, and the checkpoint that
 * they came from. Single numbers are settings of the exporter, and frequencies of rotary positions are no weights.
 */
export function* baseWeights(graph: Graph): Iterable<{ bytes: Uint8Array; dtype: string }> {
  const angles = rotaryTables(graph);
  const turned = new Set(
    graph.nodes.flatMap((node) =>
      node.op === 'Linear' && node.domain === INTERNAL_DOMAIN && intAttribute(node, 'transB', 0) === 0
        ? [node.inputs[1]]
        : [],
    ),
  );
  for (const [name, tensor] of graph.tensors) {
    if (!/float|int8/.test(tensor.dtype) || elementCount(tensor.dims) < 2 || angles.has(name)) continue;
    yield {
      bytes: turned.has(name) && tensor.dtype === 'float32' ? transposed(tensor) : tensor.bytes,
      dtype: tensor.dtype,
    };
  }
}

/** Columns are written in blocks, so that neither side of the copy leaves the cache. */
const BLOCK = 32;

function transposed(tensor: Tensor): Uint8Array {
  const [rows = 0, columns = 0] = tensor.dims;
  const source = toFloat32(tensor);
  const result = new Float32Array(source.length);
  for (let top = 0; top < rows; top += BLOCK) {
    const bottom = Math.min(top + BLOCK, rows);
    for (let column = 0; column < columns; column++)
      for (let row = top; row < bottom; row++) result[column * rows + row] = source[row * columns + column] ?? 0;
  }
  return new Uint8Array(result.buffer);
}
