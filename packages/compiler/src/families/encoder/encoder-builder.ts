import {
  INTERNAL_DOMAIN,
  float,
  int,
  ints as intsOf,
  type Attributes,
  type Graph,
  type Node,
  type Tensor,
  type ValueInfo,
  freshNames,
  makeNode,
  float32Tensor,
  fromNumbers,
  int64Tensor,
} from '@hadamard-adapter/graph/internal';
import { TARGET_OPSET } from '../../forms/opset.js';
import type { WeightSource } from '../weights.js';

/**
 * What encoders are built with. Values are called after the modules that compute them, as in the checkpoint; a module
 * that is applied again gets a number.
 */
export interface EncoderBuilder {
  readonly weights: WeightSource;
  /** A tensor of the checkpoint. */
  weight(name: string, dims: readonly number[]): string;
  ints(values: readonly number[]): string;
  /** An int64 number without dimensions. */
  index(value: number): string;
  scalar(value: number): string;
  /** A constant that is computed from the config; asked for again by the same name, it is the same. */
  table(name: string, tensor: Tensor): string;
  /** Add a node of the standard domain; answers its output, named after `as`. */
  emit(op: string, inputs: readonly string[], as: string, attributes?: Attributes): string;
  /** x·Wᵀ + b with W [to, from] of `module`. */
  linear(x: string, module: string, from: number, to: number, bias?: boolean): string;
  /** `parts` values of `width` each that stand side by side in x. */
  split(x: string, parts: number, width: number): readonly string[];
  layerNorm(x: string, module: string, width: number, epsilon: number, bias?: boolean): string;
  rmsNorm(x: string, module: string, width: number, epsilon: number): string;
  /** [b, s, heads·d] as [b, heads, s, d]. */
  byHead(x: string, heads: number, size: number): string;
  /** softmax(scale·q·kᵀ + bias)·v of operands by head, heads side by side again, [b, s, heads·d]. */
  attend(query: string, key: string, value: string, bias: string, scale: number, width: number, as: string): string;
  finish(
    name: string,
    inputs: readonly string[],
    outputs: readonly (readonly [value: string, name: string, dims: ValueInfo['dims']])[],
  ): Graph;
}

export function startEncoder(weights: WeightSource): EncoderBuilder {
  const tensors = new Map<string, Tensor>();
  const nodes: Node[] = [];
  const fresh = freshNames({ name: '', opsets: new Map(), inputs: [], outputs: [], nodes: [], tensors });
  const shared = new Map<string, string>();
  const constant = (key: string, tensor: Tensor): string => {
    const name = shared.get(key) ?? fresh(key);
    shared.set(key, name);
    tensors.set(name, tensor);
    return name;
  };
  const add = (op: string, inputs: readonly string[], as: string, attributes: Attributes, domain: string): string => {
    const output = fresh(as);
    nodes.push(makeNode(op, inputs, [output], attributes, { domain }));
    return output;
  };
  const weight = (name: string, dims: readonly number[]): string => {
    if (!tensors.has(name)) tensors.set(name, weights.take(name, dims));
    return name;
  };
  const vector = (name: string, width: number): string => weight(name, [width]);
  const builder: EncoderBuilder = {
    weights,
    weight,
    ints: (values) => constant(`ints ${values.join(' ')}`, int64Tensor(values, [values.length])),
    index: (value) => constant(`index ${value}`, fromNumbers('int64', [value], [])),
    scalar: (value) => constant(`float ${value}`, float32Tensor([value], [])),
    table: (stem, tensor) => constant(stem, tensor),
    emit: (op, inputs, as, attributes = {}) => add(op, inputs, as, attributes, ''),
    linear(x, module, from, to, bias = true) {
      const parameters = [weight(`${module}.weight`, [to, from]), ...(bias ? [vector(`${module}.bias`, to)] : [])];
      return add('Linear', [x, ...parameters], module, { transB: int(1) }, INTERNAL_DOMAIN);
    },
    split(x, parts, width) {
      const outputs = Array.from({ length: parts }, (_, part) => fresh(`${x}/${part}`));
      nodes.push(makeNode('Split', [x, builder.ints(outputs.map(() => width))], outputs, { axis: int(-1) }));
      return outputs;
    },
    layerNorm(x, module, width, epsilon, bias = true) {
      const parameters = [vector(`${module}.weight`, width), ...(bias ? [vector(`${module}.bias`, width)] : [])];
      return builder.emit('LayerNormalization', [x, ...parameters], module, { axis: int(-1), epsilon: float(epsilon) });
    },
    rmsNorm: (x, module, width, epsilon) =>
      builder.emit('RMSNormalization', [x, vector(`${module}.weight`, width)], module, {
        axis: int(-1),
        epsilon: float(epsilon),
      }),
    byHead(x, heads, size) {
      const apart = builder.emit('Reshape', [x, builder.ints([0, 0, heads, size])], `${x}/heads`, {
        allowzero: int(0),
      });
      return builder.emit('Transpose', [apart], `${x}/by_head`, { perm: intsOf([0, 2, 1, 3]) });
    },
    attend(query, key, value, bias, scale, width, as) {
      const context = builder.emit('Attention', [query, key, value, bias], as, { scale: float(scale) });
      const byToken = builder.emit('Transpose', [context], `${context}/by_token`, { perm: intsOf([0, 2, 1, 3]) });
      return builder.emit('Reshape', [byToken, builder.ints([0, 0, width])], `${context}/merged`, {
        allowzero: int(0),
      });
    },
    finish(name, inputs, outputs) {
      for (const [value, output] of outputs) nodes.push(makeNode('Identity', [value], [output]));
      return {
        name,
        opsets: new Map([['', TARGET_OPSET]]),
        inputs: inputs.map((input) => ({ name: input, dtype: 'int64', dims: ['batch', 'sequence'] })),
        outputs: outputs.map(([, output, dims]) => ({ name: output, dtype: 'float32', dims })),
        nodes,
        tensors,
      };
    },
  };
  return builder;
}
