import { floatAttribute, intAttribute, type Node } from '../ir/graph.js';
import { elementCount } from '../tensors/elements.js';
import { broadcastDims, broadcastIndex } from './broadcast.js';
import { need, shapeError, type Inputs, type Operator } from './operator.js';
import type { Value } from '../shapes/value.js';

const dataOf = (value: Value | undefined): Float64Array => value?.data as Float64Array;

/** c[m, n] += a[m, k]·b[k, n], each at an offset of its own. */
function multiply(
  a: Float64Array,
  aAt: number,
  b: Float64Array,
  bAt: number,
  c: Float64Array,
  cAt: number,
  m: number,
  k: number,
  n: number,
): void {
  for (let row = 0; row < m; row++) {
    for (let inner = 0; inner < k; inner++) {
      const factor = a[aAt + row * k + inner] as number;
      const [from, to] = [bAt + inner * n, cAt + row * n];
      for (let column = 0; column < n; column++)
        c[to + column] = (c[to + column] as number) + factor * (b[from + column] as number);
    }
  }
}

function transposed(data: Float64Array, rows: number, columns: number): Float64Array {
  const result = new Float64Array(data.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      result[column * rows + row] = data[row * columns + column] as number;
  return result;
}

function matMulDims(node: Node, inputs: Inputs): { batch: number[]; m: number; k: number; n: number } {
  const [a, b] = [need(node, inputs, 0).dims, need(node, inputs, 1).dims];
  const [m, k] = [a.at(-2), a.at(-1)];
  const [inner, n] = [b.at(-2), b.at(-1)];
  if (m === undefined || k === undefined || n === undefined || inner !== k)
    throw shapeError(node, `[${a.join(', ')}] · [${b.join(', ')}]`, 'matrices whose inner sizes agree');
  return { batch: broadcastDims(node, [a.slice(0, -2), b.slice(0, -2)]), m, k, n };
}

const matMul: Operator = {
  shape(node, inputs) {
    const { batch, m, n } = matMulDims(node, inputs);
    return [{ dtype: need(node, inputs, 0).dtype, dims: [...batch, m, n] }];
  },
  compute(node, inputs) {
    const { batch, m, k, n } = matMulDims(node, inputs);
    const [a, b] = inputs as [Value, Value];
    const [aIndex, bIndex] = [broadcastIndex(a.dims.slice(0, -2), batch), broadcastIndex(b.dims.slice(0, -2), batch)];
    const result = new Float64Array(elementCount(batch) * m * n);
    aIndex.forEach((aAt, i) =>
      multiply(dataOf(a), aAt * m * k, dataOf(b), (bIndex[i] as number) * k * n, result, i * m * n, m, k, n),
    );
    return [result];
  },
};

/** Gemm and Linear: rows times matrix, with the addend broadcast over the result. */
function affine(rows: Float64Array, m: number, k: number, weight: Value, transB: boolean, alpha: number): Float64Array {
  const [first, second] = weight.dims as [number, number];
  const n = transB ? first : second;
  const result = new Float64Array(m * n);
  multiply(rows, 0, transB ? transposed(dataOf(weight), first, second) : dataOf(weight), 0, result, 0, m, k, n);
  return alpha === 1 ? result : result.map((value) => value * alpha);
}

function addTo(result: Float64Array, addend: Value | undefined, dims: readonly number[], beta: number): Float64Array {
  if (addend === undefined) return result;
  const index = broadcastIndex(addend.dims, dims);
  return result.map((value, i) => value + beta * (dataOf(addend)[index[i] as number] as number));
}

const gemm: Operator = {
  shape(node, inputs) {
    const [a, b] = [need(node, inputs, 0), need(node, inputs, 1)];
    const [transA, transB] = [intAttribute(node, 'transA', 0), intAttribute(node, 'transB', 0)];
    if (a.dims.length !== 2 || b.dims.length !== 2 || a.dims[1 - transA] !== b.dims[transB]) {
      throw shapeError(node, `[${a.dims.join(', ')}] · [${b.dims.join(', ')}]`, 'matrices whose inner sizes agree');
    }
    return [{ dtype: a.dtype, dims: [a.dims[transA] as number, b.dims[1 - transB] as number] }];
  },
  compute(node, [a, b, c], [y]) {
    const [rows, columns] = (a as Value).dims as [number, number];
    const transA = intAttribute(node, 'transA', 0) === 1;
    const left = transA ? transposed(dataOf(a), rows, columns) : dataOf(a);
    const [m, k] = transA ? [columns, rows] : [rows, columns];
    const product = affine(
      left,
      m,
      k,
      b as Value,
      intAttribute(node, 'transB', 0) === 1,
      floatAttribute(node, 'alpha', 1),
    );
    return [addTo(product, c, (y as Value).dims, floatAttribute(node, 'beta', 1))];
  },
};

/** The value with its last two axes swapped. */
function swapped({ dtype, dims, data }: Value): Value {
  const [rows, columns] = dims.slice(-2) as [number, number];
  const turned = [...dims.slice(0, -2), columns, rows];
  if (data === undefined) return { dtype, dims: turned };
  const result = new Float64Array(data.length);
  for (let at = 0; at < data.length; at += rows * columns)
    result.set(transposed(data.subarray(at, at + rows * columns), rows, columns), at);
  return { dtype, dims: turned, data: result };
}

/** alpha · A·B with the last two axes of either swapped; of ONNX Runtime. */
const fusedMatMul: Operator = {
  shape: (node, inputs) => matMul.shape(node, fusedOperands(node, [need(node, inputs, 0), need(node, inputs, 1)])),
  compute(node, inputs, outputs) {
    const [product] = (matMul as Required<Operator>).compute(node, fusedOperands(node, inputs), outputs);
    return [(product as Float64Array).map((value) => value * floatAttribute(node, 'alpha', 1))];
  },
};

function fusedOperands(node: Node, inputs: readonly Value[]): Value[] {
  return (['transA', 'transB'] as const).map((which, i) => {
    const value = inputs[i] as Value;
    return intAttribute(node, which, 0) === 1 && value.dims.length >= 2 ? swapped(value) : value;
  });
}

const linear: Operator = {
  shape(node, inputs) {
    const [x, weight] = [need(node, inputs, 0), need(node, inputs, 1)];
    const transB = intAttribute(node, 'transB', 0);
    if (weight.dims.length !== 2 || x.dims.at(-1) !== weight.dims[transB]) {
      throw shapeError(
        node,
        `[${x.dims.join(', ')}] · [${weight.dims.join(', ')}]`,
        'a last dimension that the weight takes',
      );
    }
    return [{ dtype: x.dtype, dims: [...x.dims.slice(0, -1), weight.dims[1 - transB] as number] }];
  },
  compute(node, [x, weight, bias], [y]) {
    const k = (x as Value).dims.at(-1) as number;
    const product = affine(
      dataOf(x),
      dataOf(x).length / k,
      k,
      weight as Value,
      intAttribute(node, 'transB', 0) === 1,
      1,
    );
    return [addTo(product, bias, (y as Value).dims, 1)];
  },
};

/**
 * The factor on the scores of `Attention`: its attribute, or 1/√d for queries [.., d], whose last size is a number or
 * the same at both probe sizes.
 */
export function attentionScale(node: Node, queryDims: readonly (number | readonly [number, number])[]): number {
  const last = queryDims.at(-1) ?? 1;
  return floatAttribute(node, 'scale', 1 / Math.sqrt(typeof last === 'number' ? last : last[0]));
}

/**
 * softmax(scale · q·kᵀ + bias) · v for q [b, h, s, d], k and v [b, h, t, d]; second output: the probabilities [b, h, s,
 * t].
 */
const attention: Operator = {
  shape(node, inputs) {
    const [q, k, v] = [need(node, inputs, 0), need(node, inputs, 1), need(node, inputs, 2)];
    if (q.dims.length !== 4 || k.dims.length !== 4 || v.dims.length !== 4)
      throw shapeError(node, `${q.dims.length} dimensions`, '4 dimensions');
    const [batch, heads, queries] = q.dims as [number, number, number];
    return [
      { dtype: q.dtype, dims: [batch, heads, queries, v.dims[3] as number] },
      { dtype: q.dtype, dims: [batch, heads, queries, k.dims[2] as number] },
    ];
  },
  compute(node, [q, k, v, bias], outputs) {
    const [context, scores] = outputs as [Value, Value];
    const [batch, heads, s, d] = (q as Value).dims as [number, number, number, number];
    const [t, width] = [(k as Value).dims[2] as number, (v as Value).dims[3] as number];
    const scale = attentionScale(node, (q as Value).dims);
    const biasIndex = bias === undefined ? undefined : broadcastIndex(bias.dims, scores.dims);
    const probabilities = new Float64Array(elementCount(scores.dims));
    const result = new Float64Array(elementCount(context.dims));
    for (let block = 0; block < batch * heads; block++) {
      const keys = transposed(dataOf(k).subarray(block * t * d, (block + 1) * t * d), t, d);
      multiply(dataOf(q), block * s * d, keys, 0, probabilities, block * s * t, s, d, t);
      for (let row = 0; row < s; row++) {
        const part = probabilities.subarray((block * s + row) * t, (block * s + row + 1) * t);
        part.forEach((score, column) => {
          const at = (block * s + row) * t + column;
          part[column] =
            score * scale + (biasIndex === undefined ? 0 : (dataOf(bias)[biasIndex[at] as number] as number));
        });
        softmaxInPlace(part);
      }
      multiply(probabilities, block * s * t, dataOf(v), block * t * width, result, block * s * width, s, t, width);
    }
    return [result, probabilities].slice(0, outputs.length);
  },
};

export function softmaxInPlace(values: Float64Array): void {
  const top = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  let total = 0;
  values.forEach((value, i) => {
    values[i] = Math.exp(value - top);
    total += values[i] as number;
  });
  values.forEach((value, i) => {
    values[i] = value / total;
  });
}

export const PRODUCTS: Readonly<Record<string, Operator>> = {
  Attention: attention,
  'com.microsoft:FusedMatMul': fusedMatMul,
  Gemm: gemm,
  'hadamard:Linear': linear,
  MatMul: matMul,
};
