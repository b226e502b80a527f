import {
  INTERNAL_DOMAIN,
  int,
  intAttribute,
  type Graph,
  type Node,
  type Tensor,
  builderOn,
  type Builder,
  viewOf,
} from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';
import type { Int8Bits } from '../forms/int8-bits.js';
import { packWeight } from './support/int8-weights.js';

/** A gradient in rows of similar size, and what each row was divided by, [.., 1]. */
interface Scaled {
  readonly value: string;
  readonly rowScale: string;
}

/** Smaller than every gradient that matters: a row of zeros is divided by it and stays zero. */
const TINY = 1e-37;

/**
 * Multiply with frozen weights in 8-bit integers: every `Linear` whose weight is a constant of the graph becomes a
 * `QuantizedLinear`, which rounds its input to 8 bits as it comes. In the backward pass, where the sizes of rows differ
 * by orders of magnitude (the pooled token's gradient is large, that of others small), each row is first divided by its
 * largest number and multiplied by it behind; through the slope of a GELU the row scales ride along to the next
 * product. (Yao et al., ZeroQuant, arXiv 2206.01861, quantize activations token by token for the same reason.)
 *
 * @param forward values of the forward pass; undefined when the graph is nothing else.
 */
export const multiplyInInt8 = (bits: Int8Bits, forward?: ReadonlySet<string>): Pass => ({
  name: 'multiply-in-int8',
  does: 'Multiplies with frozen weights in 8-bit integers.',
  needs: 'linear layers are one node each',
  guarantees: 'a `Linear` is left only where its weight is trained',
  run: (graph) => multiplied(graph, bits, forward),
});

function multiplied(graph: Graph, bits: Int8Bits, forward: ReadonlySet<string> | undefined): Graph {
  const packed = packWeights(graph, bits);
  const source = { ...graph, tensors: new Map([...graph.tensors, ...packed.tensors]) };
  const builder = builderOn(source, { from: 'nothing' });
  const view = viewOf(graph);
  const scaled = new Map<string, Scaled>();
  const isGradient = ({ outputs }: Node): boolean => forward !== undefined && !forward.has(outputs[0] as string);

  /** Whether all that comes of `value` is one more product of this kind, with factors on the way. */
  const ridesOn = (value: string): boolean => {
    const [consumer, ...more] = view.consumers(value);
    if (consumer === undefined || more.length > 0 || view.isOutput(value)) return false;
    return packed.names.has(consumer)
      ? consumer.inputs[0] === value
      : consumer.op === 'Mul' && ridesOn(consumer.outputs[0] as string);
  };
  const leave = ({ outputs }: Node, result: Scaled): void => {
    const output = outputs[0] as string;
    if (ridesOn(output)) scaled.set(output, result);
    else builder.emit('Mul', [result.value, result.rowScale], {}, { output });
  };

  for (const node of graph.nodes) {
    const [x, , bias = ''] = node.inputs as [string, string, string?];
    const weight = packed.names.get(node);
    if (weight !== undefined && isGradient(node)) {
      const { value, rowScale } = scaled.get(x) ?? scaleRows(builder, x);
      leave(node, { value: quantizedLinear(builder, [value, ...weight]), rowScale });
    } else if (weight !== undefined) {
      quantizedLinear(builder, [x, ...weight, ...(bias === '' ? [] : ['', bias])], node.outputs[0]);
    } else if (node.inputs.some((input) => scaled.has(input))) {
      const value = builder.emit(
        'Mul',
        node.inputs.map((input) => scaled.get(input)?.value ?? input),
      );
      const rowScales = node.inputs.flatMap((input) => scaled.get(input)?.rowScale ?? []);
      leave(node, { value, rowScale: rowScales.reduce((left, right) => builder.emit('Mul', [left, right])) });
    } else builder.keep(node);
  }
  return builder.finish(graph.outputs.map(({ name }) => name));
}

function quantizedLinear(builder: Builder, inputs: readonly string[], output?: string): string {
  return builder.emit(
    'QuantizedLinear',
    inputs,
    {},
    { domain: INTERNAL_DOMAIN, ...(output === undefined ? {} : { output }) },
  );
}

function scaleRows(builder: Builder, x: string): Scaled {
  const largest = builder.emit('ReduceMax', [builder.emit('Abs', [x]), builder.ints([-1])], { keepdims: int(1) });
  const rowScale = builder.emit('Max', [largest, builder.scalar(TINY)]);
  return { value: builder.emit('Mul', [x, builder.emit('Reciprocal', [rowScale])]), rowScale };
}

interface Packed {
  /** Names of levels and scale, for every node that is multiplied this way. */
  readonly names: ReadonlyMap<Node, readonly [string, string]>;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** Each weight once for every direction in which it is read. */
function packWeights(graph: Graph, bits: Int8Bits): Packed {
  const names = new Map<Node, readonly [string, string]>();
  const tensors = new Map<string, Tensor>();
  for (const node of graph.nodes) {
    const weight = frozenWeight(node, graph);
    if (weight === undefined) continue;
    const stem = `${node.inputs[1]}/int8${intAttribute(node, 'transB', 0) === 1 ? '_transposed' : ''}`;
    const [levels, scale] = [stem, `${stem}_scale`];
    names.set(node, [levels, scale]);
    if (tensors.has(levels)) continue;
    const packed = packWeight(node, weight, bits);
    tensors.set(levels, packed.levels).set(scale, packed.scale);
  }
  return { names, tensors };
}

function frozenWeight({ op, domain, inputs }: Node, graph: Graph): Tensor | undefined {
  const weight = op === 'Linear' && domain === INTERNAL_DOMAIN ? graph.tensors.get(inputs[1] as string) : undefined;
  return weight?.dtype === 'float32' && weight.dims.length === 2 ? weight : undefined;
}
