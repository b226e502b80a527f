import { intAttribute, stringAttribute } from '../ir/graph.js';
import { elementCount } from '../tensors/elements.js';
import { stridesOf } from './broadcast.js';
import { axisOf, need, shapeError, type Operator } from './operator.js';
import type { Value } from '../shapes/value.js';

const dataOf = (value: Value | undefined): Float64Array => value?.data as Float64Array;
const wrap = (index: number, size: number): number => (index < 0 ? index + size : index);

const gather: Operator = {
  shape(node, inputs) {
    const [x, indices] = [need(node, inputs, 0), need(node, inputs, 1)];
    const axis = axisOf(node, intAttribute(node, 'axis', 0), x.dims.length);
    return [{ dtype: x.dtype, dims: [...x.dims.slice(0, axis), ...indices.dims, ...x.dims.slice(axis + 1)] }];
  },
  compute(node, [x, indices], [y]) {
    const { dims } = x as Value;
    const axis = axisOf(node, intAttribute(node, 'axis', 0), dims.length);
    const [size, inner] = [dims[axis] as number, elementCount(dims.slice(axis + 1))];
    const outer = elementCount(dims.slice(0, axis));
    const result = new Float64Array(elementCount((y as Value).dims));
    let at = 0;
    for (let row = 0; row < outer; row++) {
      for (const index of dataOf(indices)) {
        const start = (row * size + wrap(index, size)) * inner;
        result.set(dataOf(x).subarray(start, start + inner), at);
        at += inner;
      }
    }
    return [result];
  },
};

const gatherElements: Operator = {
  shape: (node, inputs) => [{ dtype: need(node, inputs, 0).dtype, dims: need(node, inputs, 1).dims }],
  compute(node, [x, indices]) {
    const { dims } = indices as Value;
    const axis = axisOf(node, intAttribute(node, 'axis', 0), dims.length);
    const [own, strides] = [stridesOf(dims), stridesOf((x as Value).dims)];
    return [
      dataOf(indices).map((index, i) => {
        const at = dims.reduce((sum, size, d) => {
          const position =
            d === axis ? wrap(index, (x as Value).dims[axis] as number) : Math.floor(i / (own[d] as number)) % size;
          return sum + position * (strides[d] as number);
        }, 0);
        return dataOf(x)[at] as number;
      }),
    ];
  },
};

const gatherND: Operator = {
  shape(node, inputs) {
    const [x, indices] = [need(node, inputs, 0), need(node, inputs, 1)];
    const depth = indices.dims.at(-1) ?? 0;
    if (intAttribute(node, 'batch_dims', 0) !== 0) throw shapeError(node, 'batch_dims', 'batch_dims 0');
    return [{ dtype: x.dtype, dims: [...indices.dims.slice(0, -1), ...x.dims.slice(depth)] }];
  },
  compute(_, [x, indices], [y]) {
    const { dims } = x as Value;
    const depth = (indices as Value).dims.at(-1) as number;
    const inner = elementCount(dims.slice(depth));
    const strides = stridesOf(dims);
    const result = new Float64Array(elementCount((y as Value).dims));
    for (let row = 0; row * inner < result.length; row++) {
      let start = 0;
      for (let d = 0; d < depth; d++)
        start += wrap(dataOf(indices)[row * depth + d] as number, dims[d] as number) * (strides[d] as number);
      result.set(dataOf(x).subarray(start, start + inner), row * inner);
    }
    return [result];
  },
};

const scatterND: Operator = {
  shape: (node, inputs) => [{ dtype: need(node, inputs, 0).dtype, dims: need(node, inputs, 0).dims }],
  compute(node, [x, indices, updates]) {
    const { dims } = x as Value;
    const depth = (indices as Value).dims.at(-1) as number;
    const inner = elementCount(dims.slice(depth));
    const strides = stridesOf(dims);
    const adds = stringAttribute(node, 'reduction', 'none') === 'add';
    const result = dataOf(x).slice();
    for (let row = 0; row * depth < dataOf(indices).length; row++) {
      let start = 0;
      for (let d = 0; d < depth; d++)
        start += wrap(dataOf(indices)[row * depth + d] as number, dims[d] as number) * (strides[d] as number);
      for (let i = 0; i < inner; i++)
        result[start + i] = (dataOf(updates)[row * inner + i] as number) + (adds ? (result[start + i] as number) : 0);
    }
    return [result];
  },
};

const scatterElements: Operator = {
  shape: (node, inputs) => [{ dtype: need(node, inputs, 0).dtype, dims: need(node, inputs, 0).dims }],
  compute(node, [x, indices, updates]) {
    const { dims } = indices as Value;
    const target = (x as Value).dims;
    const axis = axisOf(node, intAttribute(node, 'axis', 0), target.length);
    const [own, strides] = [stridesOf(dims), stridesOf(target)];
    const adds = stringAttribute(node, 'reduction', 'none') === 'add';
    const result = dataOf(x).slice();
    dataOf(indices).forEach((index, i) => {
      const at = dims.reduce((sum, size, d) => {
        const position = d === axis ? wrap(index, target[axis] as number) : Math.floor(i / (own[d] as number)) % size;
        return sum + position * (strides[d] as number);
      }, 0);
      result[at] = (dataOf(updates)[i] as number) + (adds ? (result[at] as number) : 0);
    });
    return [result];
  },
};

export const INDEXING: Readonly<Record<string, Operator>> = {
  Gather: gather,
  GatherElements: gatherElements,
  GatherND: gatherND,
  ScatterElements: scatterElements,
  ScatterND: scatterND,
};
