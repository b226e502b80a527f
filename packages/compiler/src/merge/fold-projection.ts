import { foldIntoProjection, type Site } from '@hadamard-adapter/core';
import {
  float32Tensor,
  inputAt,
  intAttribute,
  isPresent,
  isQuantizedLinear,
  makeNode,
  toFloat32,
  type Graph,
  type Node,
  type Tensor,
} from '@hadamard-adapter/graph/internal';
import type { FoldRecord } from './record.js';

/** An adapter's scale and shift, in front of a projection (site `context`) or behind it (`output`). */
export interface FoldedAdapter {
  readonly site: Site;
  readonly w: Float32Array;
  readonly b: Float32Array;
}

/** What a projection with its adapter becomes: nodes in its place, tensors of their own, and what undoes it. */
export interface FoldedProjection extends Pick<FoldRecord, 'originals' | 'scaled'> {
  readonly nodes: readonly Node[];
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/**
 * The adapter in a linear layer's weights. Names begin with `prefix`, for a layer may share its weights with another
 * that has an adapter of its own. A quantized matrix stays as it is.
 */
export function foldProjection(
  projection: Node,
  adapter: FoldedAdapter,
  prefix: string,
  tensors: Graph['tensors'],
): FoldedProjection {
  if (!isQuantizedLinear(projection)) return foldFloats(projection, adapter, prefix, tensors);
  return adapter.site === 'context'
    ? putInFront(projection, adapter, prefix)
    : foldScales(projection, adapter, prefix, tensors);
}

function foldFloats(
  node: Node,
  { site, w, b }: FoldedAdapter,
  prefix: string,
  tensors: Graph['tensors'],
): FoldedProjection {
  const weight = constant(tensors, inputAt(node, 1));
  const transposed = intAttribute(node, 'transB', 0) === 1;
  const [rows = 0, columns = 0] = weight.dims;
  const [inputs, outputs] = transposed ? [columns, rows] : [rows, columns];
  const bias = biasOf(node, 2, outputs, tensors);
  const folded = foldIntoProjection(
    { weight: toFloat32(weight), bias: toFloat32(bias), inputs, outputs, transposed },
    site,
    w,
    b,
  );
  const names = { weight: `${prefix}.weight`, bias: `${prefix}.bias` };
  return {
    nodes: [{ ...node, inputs: [inputAt(node, 0), names.weight, names.bias] }],
    tensors: new Map([
      [names.weight, float32Tensor(folded.weight, weight.dims)],
      [names.bias, float32Tensor(folded.bias, [outputs])],
    ]),
    scaled: new Map([
      [names.weight, { by: float32Tensor(w, [w.length]), axis: (site === 'context') === transposed ? 1 : 0 }],
    ]),
    originals: new Map([[names.bias, bias]]),
  };
}

/**
 * In front of a quantized projection the adapter stays what it is, a product and a sum of vectors: rows of a packed
 * matrix have no scale of their own, and rounding the matrix again would lose what was trained.
 */
function putInFront(node: Node, { w, b }: FoldedAdapter, prefix: string): FoldedProjection {
  const [x, ...others] = [inputAt(node, 0), ...node.inputs.slice(1)];
  const names = { scale: `${prefix}.scale`, shift: `${prefix}.shift` };
  const [scaled, adapted] = [`${prefix}.scaled`, `${prefix}.adapted`];
  return {
    nodes: [
      makeNode('Mul', [x, names.scale], [scaled]),
      makeNode('Add', [scaled, names.shift], [adapted]),
      { ...node, inputs: [adapted, ...others] },
    ],
    tensors: new Map([
      [names.scale, float32Tensor(w, [w.length])],
      [names.shift, float32Tensor(b, [b.length])],
    ]),
    scaled: new Map(),
    originals: new Map([
      [names.scale, filled(1, w.length)],
      [names.shift, filled(0, b.length)],
    ]),
  };
}

/** Behind a quantized projection: columns do have a scale. It is the adapter of a diagonal of scales. */
function foldScales(node: Node, { w, b }: FoldedAdapter, prefix: string, tensors: Graph['tensors']): FoldedProjection {
  const outputs = w.length;
  const stored = toFloat32(constant(tensors, inputAt(node, 2)));
  // One for the whole matrix, or one for each column.
  const scales = w.map((_, column) => stored[column % stored.length] ?? Number.NaN);
  const bias = biasOf(node, 4, outputs, tensors);
  const shifts = toFloat32(bias);
  const names = { scale: `${prefix}.scale`, bias: `${prefix}.bias` };
  return {
    nodes: [{ ...node, inputs: [inputAt(node, 0), inputAt(node, 1), names.scale, node.inputs[3] ?? '', names.bias] }],
    tensors: new Map([
      [
        names.scale,
        float32Tensor(
          scales.map((scale, column) => (w[column] ?? Number.NaN) * scale),
          [outputs],
        ),
      ],
      [
        names.bias,
        float32Tensor(
          b.map((shift, column) => shift + (w[column] ?? Number.NaN) * (shifts[column] ?? 0)),
          [outputs],
        ),
      ],
    ]),
    scaled: new Map(),
    originals: new Map([
      [names.scale, float32Tensor(scales, [outputs])],
      [names.bias, bias],
    ]),
  };
}

const filled = (value: number, size: number): Tensor => float32Tensor(new Float32Array(size).fill(value), [size]);

/** The bias of a linear layer; zeros where it has none. */
function biasOf(node: Node, index: number, size: number, tensors: Graph['tensors']): Tensor {
  const name = node.inputs[index];
  return isPresent(name) ? constant(tensors, name) : filled(0, size);
}

function constant(tensors: Graph['tensors'], name: string): Tensor {
  const tensor = tensors.get(name);
  // The compiler's linear layers have constant weights, and whatever else is trained is a vector.
  if (tensor === undefined) throw new TypeError(`${name} is no constant`);
  return tensor;
}
