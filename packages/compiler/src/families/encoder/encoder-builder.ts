import {
  INTERNAL_DOMAIN,
  buildOn,
  float,
  float32Tensor,
  fromNumbers,
  inferNode,
  int,
  int64Tensor,
  ints,
  type Attributes,
  type Builder,
  type Graph,
  type Tensor,
  type ValueInfo,
} from '@hadamard-adapter/graph/internal';
import { TARGET_OPSET } from '../../forms/opset.js';
import { TOKEN_INPUTS } from '../../forms/token-inputs.js';
import type { WeightSource } from '../weights.js';

/**
 * The builder of graphs, with weights from a checkpoint and with what encoders are made of. Values are called after the
 * modules that compute them, as in the checkpoint; a module that is applied again gets a number.
 */
export class EncoderBuilder {
  readonly weights: WeightSource;
  readonly #builder: Builder;

  constructor(weights: WeightSource) {
    this.weights = weights;
    const opsets = new Map([['', TARGET_OPSET]]);
    this.#builder = buildOn({ name: '', opsets, inputs: [], outputs: [], nodes: [], tensors: new Map() }, inferNode);
    for (const name of TOKEN_INPUTS) this.#builder.input(tokens(name));
  }

  /** A tensor of the checkpoint. */
  weight(name: string, dims: readonly number[]): string {
    return this.#builder.constant(name) === undefined ? this.#builder.named(name, this.weights.take(name, dims)) : name;
  }

  ints(values: readonly number[]): string {
    return this.#constant(`ints ${values.join(' ')}`, () => int64Tensor(values, [values.length]));
  }

  /** An int64 number without dimensions. */
  index(value: number): string {
    return this.#constant(`index ${value}`, () => fromNumbers('int64', [value], []));
  }

  scalar(value: number): string {
    return this.#constant(`float ${value}`, () => float32Tensor([value], []));
  }

  /** A constant that is computed from the config; asked for again by the same name, it is the same. */
  table(name: string, tensor: Tensor): string {
    return this.#constant(name, () => tensor);
  }

  /** Add a node; answers its output, named after `as`. */
  emit(op: string, inputs: readonly string[], as: string, attributes: Attributes = {}, domain = ''): string {
    return this.#builder.emit(op, inputs, attributes, { output: this.#builder.fresh(as), domain });
  }

  /** The linear layer `module`: x·Wᵀ + b with W [to, from]. */
  linear(x: string, module: string, from: number, to: number, bias = true): string {
    const weight = this.weight(`${module}.weight`, [to, from]);
    const parameters = bias ? [weight, this.weight(`${module}.bias`, [to])] : [weight];
    return this.emit('Linear', [x, ...parameters], module, { transB: int(1) }, INTERNAL_DOMAIN);
  }

  /** `parts` values of `width` each that stand side by side in x. */
  split(x: string, parts: number, width: number): readonly string[] {
    const outputs = Array.from({ length: parts }, (_, part) => this.#builder.fresh(`${x}/${part}`));
    this.#builder.emitAll('Split', [x, this.ints(outputs.map(() => width))], outputs, { axis: int(-1) });
    return outputs;
  }

  layerNorm(x: string, module: string, width: number, epsilon: number, bias = true): string {
    const weight = this.weight(`${module}.weight`, [width]);
    const parameters = bias ? [weight, this.weight(`${module}.bias`, [width])] : [weight];
    const settings = { axis: int(-1), epsilon: float(epsilon) };
    return this.emit('LayerNormalization', [x, ...parameters], module, settings);
  }

  rmsNorm(x: string, module: string, width: number, epsilon: number): string {
    const settings = { axis: int(-1), epsilon: float(epsilon) };
    return this.emit('RMSNormalization', [x, this.weight(`${module}.weight`, [width])], module, settings);
  }

  /** [b, s, heads·d] as [b, heads, s, d]. */
  byHead(x: string, heads: number, size: number): string {
    const apart = this.emit('Reshape', [x, this.ints([0, 0, heads, size])], `${x}/heads`, { allowzero: int(0) });
    return this.emit('Transpose', [apart], `${x}/by_head`, { perm: ints([0, 2, 1, 3]) });
  }

  /** The attention softmax(scale·q·kᵀ + bias)·v of operands by head, heads side by side again, [b, s, heads·d]. */
  attend(query: string, key: string, value: string, bias: string, scale: number, width: number, as: string): string {
    const context = this.emit('Attention', [query, key, value, bias], as, { scale: float(scale) });
    const byToken = this.emit('Transpose', [context], `${context}/by_token`, { perm: ints([0, 2, 1, 3]) });
    return this.emit('Reshape', [byToken, this.ints([0, 0, width])], `${context}/merged`, { allowzero: int(0) });
  }

  /** @param inputs those that the encoder reads, int64 [batch, sequence]. */
  finish(
    name: string,
    inputs: readonly string[],
    outputs: readonly (readonly [value: string, name: string, dims: ValueInfo['dims']])[],
  ): Graph {
    for (const [value, output] of outputs) this.#builder.emit('Identity', [value], {}, { output });
    const graph = this.#builder.finish(outputs.map(([, output]) => output));
    return {
      ...graph,
      name,
      inputs: inputs.map(tokens),
      outputs: outputs.map(([, output, dims]) => ({ name: output, dtype: 'float32', dims })),
    };
  }

  #constant(name: string, make: () => Tensor): string {
    return this.#builder.once(name, () => this.#builder.tensor(name, make()));
  }
}

const tokens = (name: string): ValueInfo => ({ name, dtype: 'int64', dims: ['batch', 'sequence'] });
