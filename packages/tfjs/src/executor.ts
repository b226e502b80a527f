import { layout, type Group } from '@hadamard-adapter/core';
import { compileForward, parameterInfo, type AdapterModel } from '@hadamard-adapter/compiler/internal';
import { elementCount } from '@hadamard-adapter/graph/internal';
import { inputValue, type Executor, type RunInputs } from '@hadamard-adapter/runtime/internal';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import { constantsOn } from './graph/constants.js';
import { deviceOperand, hostOperand, type Operand } from './graph/operand.js';
import { makeProgram, type Program } from './graph/program.js';
import { explaining } from './failures.js';
import { withBackend } from './devices/with-backend.js';
import { read } from './read.js';
import type { Tf } from './tf.js';

/** What the session offers beside core's contract. */
export interface TfExecutor extends Executor {
  /** The graph of predictions, run node by node. */
  walk(inputs: RunInputs, onNode: (done: number, of: number) => void): void;
}

/**
 * Runs one adapter model on tf operators. Forward graphs come from `@hadamard-adapter/compiler`, gradients from
 * `tf.variableGrads`. The trained parameters go to the device as one vector and their gradient comes back as one;
 * optimizer and schedule are core's.
 */
export function tfExecutor(tf: Tf, device: string, model: AdapterModel, values: Float32Array): TfExecutor {
  const places = layout(model.parameters.map(parameterInfo));
  const everything = [...new Set(model.parameters.map(({ group }) => group))];
  const constants = constantsOn(tf);
  const programs = new Map<string, { readonly program: Program; readonly output: string }>();

  const programFor = (
    wanted: Parameters<typeof compileForward>[1],
  ): { readonly program: Program; readonly output: string } => {
    const key = typeof wanted === 'object' ? `site:${wanted.site}` : wanted;
    const known = programs.get(key);
    if (known !== undefined) return known;
    const { graph, output } = compileForward(model, wanted);
    const made = { program: makeProgram(tf, graph, constants), output };
    programs.set(key, made);
    return made;
  };
  /** The parameters of some groups, cut out of the vector of them. */
  const parameterFeeds = (flat: Tensor, groups: readonly Group[]): [string, Operand][] => {
    const chosen = model.parameters.filter(({ group }) => groups.includes(group));
    if (chosen.length === 0) return [];
    const parts = tf.split(
      flat,
      chosen.map(({ shape }) => elementCount(shape)),
    );
    return chosen.map(({ name, shape }, i) => [
      name,
      { ...deviceOperand(tf.reshape(parts[i] as Tensor, [...shape]), { dtype: 'float32', dims: shape }), own: false },
    ]);
  };
  const uploaded = (groups: readonly Group[]): Tensor => tf.tensor1d(places.gather(values, groups));
  const frozenFeeds = (groups: readonly Group[]): [string, Operand][] => parameterFeeds(uploaded(groups), groups);
  const inputFeeds = ({ graph }: Program, inputs: RunInputs): [string, Operand][] =>
    graph.inputs.flatMap(({ name }): [string, Operand][] => {
      const value = inputValue(model, inputs, name);
      return value === undefined ? [] : [[name, hostOperand(tf, value)]];
    });
  const feedsOf = (program: Program, inputs: RunInputs): Map<string, Operand> =>
    new Map([...inputFeeds(program, inputs), ...frozenFeeds(everything)]);

  const infer = async (wanted: Parameters<typeof compileForward>[1], inputs: RunInputs): Promise<Float32Array> => {
    const { program, output } = programFor(wanted);
    const result = explaining(tf, device, () =>
      withBackend(tf, device, () => {
        program.prepare();
        return tf.tidy(() => program.run(feedsOf(program, inputs)).get(output) as Tensor);
      }),
    );
    return read(result);
  };

  return {
    async train(groups: readonly Group[], inputs) {
      const { program } = programFor('loss');
      const frozen = everything.filter((group) => !groups.includes(group));
      const { value, gradient } = explaining(tf, device, () =>
        withBackend(tf, device, () => {
          program.prepare();
          // A variable copies what it starts with.
          const flat = tf.tidy(() => tf.variable(uploaded(groups), true));
          try {
            const loss = (): Scalar =>
              program
                .run(new Map([...inputFeeds(program, inputs), ...frozenFeeds(frozen), ...parameterFeeds(flat, groups)]))
                .get('loss') as Scalar;
            if (flat.size === 0) return { value: tf.tidy(loss), gradient: undefined };
            const { value: found, grads } = tf.variableGrads(loss, [flat]);
            return { value: found, gradient: grads[flat.name] };
          } finally {
            flat.dispose();
          }
        }),
      );
      const [loss, gradients] = await Promise.all([
        read(value),
        gradient === undefined ? new Float32Array(0) : read(gradient),
      ]);
      return { loss: loss[0] as number, gradients };
    },
    predict: (inputs) => infer('logits', inputs),
    encode: (inputs) => infer('hidden', inputs),
    siteInput: (inputs, key) => infer({ site: key }, inputs),
    walk(inputs, onNode) {
      const { program } = programFor('logits');
      explaining(tf, device, () =>
        withBackend(tf, device, () => {
          program.prepare();
          tf.tidy(() => void program.run(feedsOf(program, inputs), (done) => onNode(done, program.size)));
        }),
      );
    },
    cachedGroups: () => undefined,
    forget: () => undefined,
    async dispose() {
      for (const { program } of programs.values()) program.dispose();
      programs.clear();
      constants.dispose();
    },
  };
}
