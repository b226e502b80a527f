import { rotaryTables } from './rotary-tables.js';
import { type Graph, type Tensor, isQuantizedLinear, elementCount, toNumbers } from '@hadamard-adapter/graph/internal';
import { isUniform } from './uniform.js';

/**
 * Numbers in the weights of a model. Numbers that stand alone are literals (a scale, an epsilon); frequencies of rotary
 * positions are no weights; scales and zero points of packed weights say how those are stored; and a weight that is
 * stored several times counts once, whether an exporter wrote it for each of its places or a quantizer left it beside
 * its packed copy.
 *
 * @param source the model as it came.
 * @param canonical its canonical form.
 */
export function countParameters({ tensors }: Graph, canonical: Graph): number {
  const storage = new Set(rotaryTables(canonical));
  const packed: Packed[] = [];
  for (const node of canonical.nodes) {
    if (node.op === 'DequantizeLinear') node.inputs.slice(1).forEach((name) => storage.add(name));
    if (!isQuantizedLinear(node)) continue;
    const [, weight, scale, zero] = node.inputs as [string, string, string, string | undefined];
    for (const name of [scale, zero ?? '']) storage.add(name);
    const [levels, steps] = [tensors.get(weight), tensors.get(scale)];
    if (levels !== undefined && steps !== undefined) packed.push({ levels, steps, zero: tensors.get(zero ?? '') });
  }
  const isRepeated = repetitions();
  let count = 0;
  for (const [name, tensor] of tensors) {
    const size = elementCount(tensor.dims);
    if (!/float|int8/.test(tensor.dtype) || size < 2 || storage.has(name)) continue;
    if (tensor.dtype === 'float32' && tensor.dims.length === 2 && packed.some((each) => isCopy(tensor, each))) continue;
    if (isRepeated(tensor)) continue;
    count += size;
  }
  return count;
}

/**
 * Tells of each tensor whether the same numbers came before. Tensors of one value do not count as repeated: a model
 * that was never trained is full of them.
 */
function repetitions(): (tensor: Tensor) => boolean {
  const seen = new Map<string, Tensor[]>();
  return (tensor) => {
    if (isUniform(tensor)) return false;
    // Most tensors differ within their first numbers.
    const key = `${tensor.dtype} [${tensor.dims.join()}] ${tensor.bytes.subarray(0, 32).join()}`;
    const alike = seen.get(key) ?? [];
    if (alike.some(({ bytes }) => sameBytes(bytes, tensor.bytes))) return true;
    seen.set(key, [...alike, tensor]);
    return false;
  };
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let i = 0; i < left.length; i++) if (left[i] !== right[i]) return false;
  return true;
}

interface Packed {
  readonly levels: Tensor;
  readonly steps: Tensor;
  readonly zero: Tensor | undefined;
}

/** Rounding moves a number by half a step; a little more where a quantizer clipped the range. */
const MOVED = 0.51;

/** Whether a matrix is what a packed one stands for, up to rounding. Another one differs within its first numbers. */
function isCopy({ dims, bytes, dtype }: Tensor, { levels, steps, zero }: Packed): boolean {
  const columns = dims[1] as number;
  if (levels.dims[0] !== dims[0] || levels.dims[1] !== columns) return false;
  const [scales, points] = [toNumbers(steps), zero === undefined ? undefined : toNumbers(zero)];
  // A row at a time, so that a mismatch costs next to nothing.
  for (let row = 0; row < (dims[0] as number); row++) {
    const part = (tensor: Pick<Tensor, 'bytes' | 'dtype'>, width: number): Float64Array =>
      toNumbers({
        dtype: tensor.dtype,
        dims: [columns],
        bytes: tensor.bytes.subarray(row * columns * width, (row + 1) * columns * width),
      });
    const [values, integers] = [part({ bytes, dtype }, 4), part(levels, 1)];
    const fits = values.every((value, i) => {
      const scale = scales[i % scales.length] as number;
      return (
        Math.abs(((integers[i] as number) - (points?.[i % points.length] ?? 0)) * scale - value) <=
        MOVED * Math.abs(scale)
      );
    });
    if (!fits) return false;
  }
  return true;
}
