import { GraphError } from '../src/errors.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  elementCount,
  float32Tensor,
  fromBfloat16,
  fromFloat16,
  fromNumbers,
  int64Tensor,
  scalarTensor,
  scalarValue,
  toBfloat16,
  toFloat16,
  toFloat32,
  toNumbers,
  type DataType,
} from '../src/internal.js';

describe('elementCount', () => {
  it.each([
    [[], 1],
    [[2, 3], 6],
    [[0, 2 ** 50, 2 ** 50], 0],
    [[2 ** 52], 2 ** 52],
  ])('%j has %i elements', (dims, count) => expect(elementCount(dims)).toBe(count));

  it.each([[[-1]], [[1.5]], [[NaN]], [[2 ** 53]], [[2 ** 52, 2]], [Array.from({ length: 100 }, () => 2 ** 50)]])(
    'refuses %j',
    (dims) => expect(() => elementCount(dims)).toThrow(GraphError),
  );
});

describe('conversion', () => {
  const types: DataType[] = [
    'float32',
    'float64',
    'float16',
    'bfloat16',
    'int8',
    'int16',
    'int32',
    'int64',
    'uint8',
    'uint16',
    'uint32',
    'uint64',
    'bool',
  ];

  it.each(types)('%s: numbers become a tensor and come back', (dtype) => {
    expect([...toNumbers(fromNumbers(dtype, [0, 1, 1, 0], [2, 2]))]).toEqual([0, 1, 1, 0]);
    expect([...toFloat32(fromNumbers(dtype, [1], []))]).toEqual([1]);
  });

  it.each(types)('%s: bytes at any address are read', (dtype) => {
    const { bytes } = fromNumbers(dtype, [1, 0], [2]);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect([...toNumbers({ dtype, dims: [2], bytes: shifted.subarray(1) })]).toEqual([1, 0]);
    expect([...toNumbers({ dtype, dims: [2], bytes: Buffer.from(shifted.buffer, 1) })]).toEqual([1, 0]);
  });

  it('64-bit integers saturate one way and are clamped to 2^53 the other', () => {
    const ends = int64Tensor([2 ** 63, -(2 ** 63), 2 ** 80, -Infinity, 2.9, NaN]);
    expect([...new BigInt64Array(ends.bytes.buffer)]).toEqual([
      2n ** 63n - 1n,
      -(2n ** 63n),
      2n ** 63n - 1n,
      -(2n ** 63n),
      2n,
      0n,
    ]);
    expect([...toNumbers(ends)]).toEqual([2 ** 53, -(2 ** 53), 2 ** 53, -(2 ** 53), 2, 0]);
    expect([...new BigUint64Array(fromNumbers('uint64', [-1, 2 ** 64], [2]).bytes.buffer)]).toEqual([
      0n,
      2n ** 64n - 1n,
    ]);
  });

  it('toFloat32 views what it can and copies what it must', () => {
    const tensor = float32Tensor([1, 2, 3]);
    expect(toFloat32(tensor).buffer).toBe(tensor.bytes.buffer);
    const shifted = new Uint8Array(13);
    shifted.set(tensor.bytes, 1);
    const copy = toFloat32({ ...tensor, bytes: shifted.subarray(1) });
    expect([...copy]).toEqual([1, 2, 3]);
    expect(copy.buffer).not.toBe(shifted.buffer);
  });

  it('copies the values it is given', () => {
    const values = Float32Array.of(1);
    const tensor = float32Tensor(values);
    values[0] = 5;
    expect(scalarValue(tensor)).toBe(1);
  });

  it('scalars', () => {
    expect(scalarTensor('int64', 7)).toEqual(int64Tensor([7], []));
    expect(scalarValue(scalarTensor('float16', 1.5))).toBe(1.5);
    expect(scalarValue(int64Tensor([3]))).toBe(3);
    expect(scalarValue(int64Tensor([3, 4]))).toBeUndefined();
    expect(scalarValue(int64Tensor([]))).toBeUndefined();
  });

  it('refuses too few values, and strings', () => {
    expect(() => float32Tensor([1], [2])).toThrow(GraphError);
    expect(() => fromNumbers('string', [], [0])).toThrow(GraphError);
    expect(() => toNumbers({ dtype: 'string', dims: [0], bytes: new Uint8Array(0) })).toThrow(GraphError);
  });
});

describe('float16 and bfloat16', () => {
  it('every float16 survives the way through numbers', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = fromFloat16(bits);
      if (Number.isNaN(value)) expect(fromFloat16(toFloat16(value))).toBeNaN();
      else if (toFloat16(value) !== bits) throw new Error(`${bits} became ${toFloat16(value)}`);
    }
  });

  it('every bfloat16 survives the way through numbers', () => {
    for (let bits = 0; bits < 0x10000; bits++) {
      const value = fromBfloat16(bits);
      if (Number.isNaN(value)) expect(fromBfloat16(toBfloat16(value))).toBeNaN();
      else if (toBfloat16(value) !== bits) throw new Error(`${bits} became ${toBfloat16(value)}`);
    }
  });

  it.each([
    [65504, 0x7bff],
    [65519.99, 0x7bff],
    [65520, 0x7c00],
    [-Infinity, 0xfc00],
    [-0, 0x8000],
    [2 ** -24, 1],
    [2 ** -25, 0],
    [2 ** -25 * 1.001, 1],
    [3 * 2 ** -25, 2],
    [2 ** -14 - 2 ** -25, 0x0400],
    [1 + 2 ** -11, 0x3c00],
    [1 + 3 * 2 ** -11, 0x3c02],
  ])('%d rounds to the float16 with bits %i', (value, bits) => expect(toFloat16(value)).toBe(bits));

  it('rounds to a nearest number, for any float32', () => {
    fc.assert(
      fc.property(fc.float({ min: -65504, max: 65504, noNaN: true }), (value) => {
        const bits = toFloat16(value);
        const distance = Math.abs(fromFloat16(bits) - value);
        for (const other of [bits - 1, bits + 1])
          if ((other & 0x7c00) !== 0x7c00)
            expect(distance).toBeLessThanOrEqual(Math.abs(fromFloat16(other & 0xffff) - value));
        expect(Math.abs(fromBfloat16(toBfloat16(value)) - value)).toBeLessThanOrEqual(
          Math.abs(value) * 2 ** -8 + 2 ** -134,
        );
      }),
    );
  });
});
