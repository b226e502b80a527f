import { layout, type Batch, type Group } from '@hadamard-adapter/core';
import { DROPOUT_INPUT, TARGETS_INPUT, compileForward, elementCount, parameterInfo, type AdapterModel, type Executor, type RunInputs, type Value } from '@hadamard-adapter/onnx';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import { constantsOn } from './graph/constants.js';
import { deviceOperand, hostOperand, type Operand } from './graph/operand.js';
import { makeProgram, type Program } from './graph/program.js';
import { explaining } from './failures.js';
import { on } from './devices/devices.js';
import type { Tf } from './tf.js';

/** What the session offers beside core's contract. */
export interface TfExecutor extends Executor {
  /** The graph of predictions, run node by node. */
  walk(inputs: RunInputs, onNode: (done: number, of: number) => void): void;
}

/**
 * Runs one adapter model on tf operators. Forward graphs come from `@hadamard-adapter/onnx`, gradients from `tf.variableGrads`. The trained parameters go to the device as one vector and their gradient
 * comes back as one; optimizer and schedule are core's.
 */
export function tfExecutor(tf: Tf, device: string, model: AdapterModel, values: Float32Array): TfExecutor {
  const places = layout(model.parameters.map(parameterInfo));
  const constants = constantsOn(tf);
  const programs = new Map<string, { readonly program: Program; readonly output: string }>();

  const programFor = (wanted: Parameters<typeof compileForward>[1]): { readonly program: Program; readonly output: string } => {
    const key = typeof wanted === 'object' ? `site:${wanted.site}` : wanted;
    const known = programs.get(key);
    if (known !== undefined) return known;
    const { graph, output } = compileForward(model, wanted);
    const made = { program: makeProgram(tf, graph, constants), output };
    programs.set(key, made);
    return made;
  };
  /** Every parameter cut out of the vector of its kind: trained or not. */
  const parameterFeeds = (flat: Tensor, chosen: AdapterModel['parameters']): [string, Operand][] => {
    if (chosen.length === 0) return [];
    const parts = tf.split(flat as Tensor, chosen.map(({ shape }) => elementCount(shape)));
    return chosen.map(({ name, shape }, i) => [name, { ...deviceOperand(tf.reshape(parts[i] as Tensor, [...shape]), { dtype: 'float32', dims: shape }), own: false }]);
  };
  const gathered = (chosen: AdapterModel['parameters']): Float32Array => {
    const all = new Float32Array(chosen.reduce((sum, { shape }) => sum + elementCount(shape), 0));
    let at = 0;
    for (const { name } of chosen) {
      const part = places.slice(values, name);
      all.set(part, at);
      at += part.length;
    }
    return all;
  };
  const inputFeeds = ({ graph }: Program, inputs: RunInputs): [string, Operand][] =>
    graph.inputs.flatMap(({ name }): [string, Operand][] => {
      const value = inputValue(model, inputs, name);
      return value === undefined ? [] : [[name, hostOperand(tf, value)]];
    });
  const feedsOf = (program: Program, inputs: RunInputs): Map<string, Operand> => new Map([...inputFeeds(program, inputs), ...parameterFeeds(tf.tensor1d(gathered(model.parameters)), model.parameters)]);

  const infer = async (wanted: Parameters<typeof compileForward>[1], inputs: RunInputs): Promise<Float32Array> => {
    const { program, output } = programFor(wanted);
    const result = explaining(tf, device, () =>
      on(tf, device, () => {
        program.prepare();
        return tf.tidy(() => program.run(feedsOf(program, inputs)).get(output) as Tensor);
      }),
    );
    return read(result);
  };

  return {
    async train(groups: readonly Group[], inputs) {
      const { program } = programFor('loss');
      const trained = model.parameters.filter(({ group }) => groups.includes(group));
      const frozen = model.parameters.filter(({ group }) => !groups.includes(group));
      const { value, gradient } = explaining(tf, device, () =>
        on(tf, device, () => {
          program.prepare();
          // A variable copies what it starts with.
          const flat = tf.tidy(() => tf.variable(tf.tensor1d(gathered(trained)), true));
          try {
            const loss = (): Scalar => program.run(new Map([...inputFeeds(program, inputs), ...parameterFeeds(tf.tensor1d(gathered(frozen)), frozen), ...parameterFeeds(flat, trained)])).get('loss') as Scalar;
            if (trained.length === 0) return { value: tf.tidy(loss), gradient: undefined };
            const { value: found, grads } = tf.variableGrads(loss, [flat]);
            return { value: found, gradient: grads[flat.name] };
          } finally {
            flat.dispose();
          }
        }),
      );
      const [loss, gradients] = await Promise.all([read(value), gradient === undefined ? new Float32Array(0) : read(gradient)]);
      return { loss: loss[0] as number, gradients };
    },
    predict: (inputs) => infer('logits', inputs),
    encode: (inputs) => infer('hidden', inputs),
    siteInput: (inputs, key) => infer({ site: key }, inputs),
    walk(inputs, onNode) {
      const { program } = programFor('logits');
      explaining(tf, device, () =>
        on(tf, device, () => {
          program.prepare();
          tf.tidy(() => void program.run(feedsOf(program, inputs), (done) => onNode(done, program.size)));
        }),
      );
    },
    keptFor: () => undefined,
    forget: () => undefined,
    async dispose() {
      for (const { program } of programs.values()) program.dispose();
      programs.clear();
      constants.dispose();
    },
  };
}

async function read(tensor: Tensor): Promise<Float32Array> {
  try {
    return Float32Array.from(await tensor.data());
  } finally {
    tensor.dispose();
  }
}

/** Tokens, targets and dropout by the names that graphs give them; undefined for a parameter. */
function inputValue(model: AdapterModel, { batch, targets, dropout }: RunInputs, name: string): Value | undefined {
  const matrix = (data: ArrayLike<number>, width: number): Value => ({ dtype: 'float32', dims: [batch.batch, width], data: Float64Array.from(data) });
  if (name === TARGETS_INPUT) return targets === undefined ? undefined : matrix(targets, model.options.numLabels);
  if (name === DROPOUT_INPUT) return matrix(dropout ?? new Float32Array(batch.batch * model.canonical.hiddenSize).fill(1), model.canonical.hiddenSize);
  return tokenValue(batch, name);
}

/** A token input of a model by its usual name, [batch, sequence]. */
export function tokenValue({ batch, sequence, inputIds, attentionMask, tokenTypeIds }: Batch, name: string): Value | undefined {
  const matrix = (data: ArrayLike<number>): Value => ({ dtype: 'int64', dims: [batch, sequence], data: Float64Array.from(data) });
  switch (name) {
    case 'input_ids':
      return matrix(inputIds);
    case 'attention_mask':
      return matrix(attentionMask);
    case 'token_type_ids':
      return matrix(tokenTypeIds ?? new Int32Array(batch * sequence));
    default:
      return undefined;
  }
}
