import { layout, type Group, type Layout } from '@hadamard-adapter/core';
import { compileForward, parameterInfo, type AdapterModel } from '@hadamard-adapter/compiler/internal';
import { elementAt, present } from '@hadamard-adapter/core/internal';
import { elementCount } from '@hadamard-adapter/graph/internal';
import { inputValue, type Executor, type RunInputs } from '@hadamard-adapter/runtime/internal';
import type { Scalar, Tensor } from '@tensorflow/tfjs-core';
import { Constants } from './graph/constants.js';
import { deviceOperand, hostOperand, type Operand } from './graph/operand.js';
import { Program } from './graph/program.js';
import { explaining } from './failures.js';
import { withBackend } from './devices/with-backend.js';
import { read } from './read.js';
import type { Tf } from './tf.js';

type Wanted = Parameters<typeof compileForward>[1];

interface CompiledProgram {
  readonly program: Program;
  readonly output: string;
}

/**
 * Runs one adapter model on tf operators. Forward graphs come from `@hadamard-adapter/compiler`, gradients from
 * `tf.variableGrads`. The trained parameters go to the device as one vector and their gradient comes back as one;
 * optimizer and schedule are core's.
 */
export class TfExecutor implements Executor {
  private readonly tf: Tf;
  private readonly device: string;
  private readonly model: AdapterModel;
  /** All parameters, flat: the vector lives. */
  private readonly values: Float32Array;
  private readonly places: Layout;
  /** Every group that has parameters. */
  private readonly groups: readonly Group[];
  private readonly constants: Constants;
  /** By what they answer, each compiled when it is first needed. */
  private readonly programs = new Map<string, CompiledProgram>();

  constructor(tf: Tf, device: string, model: AdapterModel, values: Float32Array) {
    this.tf = tf;
    this.device = device;
    this.model = model;
    this.values = values;
    this.places = layout(model.parameters.map(parameterInfo));
    this.groups = [...new Set(model.parameters.map(({ group }) => group))];
    this.constants = new Constants(tf);
  }

  async train(groups: readonly Group[], inputs: RunInputs): Promise<{ loss: number; gradients: Float32Array }> {
    const { program } = this.programFor('loss');
    const { value, gradient } = this.onDevice(() => {
      program.prepare();
      return this.differentiate(program, groups, inputs);
    });
    const [loss, gradients] = await Promise.all([
      read(value),
      gradient === undefined ? new Float32Array(0) : read(gradient),
    ]);
    return { loss: elementAt(loss, 0), gradients };
  }

  predict(inputs: RunInputs): Promise<Float32Array> {
    return this.infer('logits', inputs);
  }

  encode(inputs: RunInputs): Promise<Float32Array> {
    return this.infer('hidden', inputs);
  }

  siteInput(inputs: RunInputs, key: string): Promise<Float32Array> {
    return this.infer({ site: key }, inputs);
  }

  /** The graph of predictions, run node by node. */
  walk(inputs: RunInputs, onNode: (done: number, of: number) => void): void {
    const { program } = this.programFor('logits');
    this.onDevice(() => {
      program.prepare();
      this.tf.tidy(() => void program.run(this.feedsOf(program, inputs), (done) => onNode(done, program.size)));
    });
  }

  cachedGroups(): undefined {
    return undefined;
  }

  forget(): void {
    // Nothing is kept between epochs.
  }

  async dispose(): Promise<void> {
    for (const { program } of this.programs.values()) program.dispose();
    this.programs.clear();
    this.constants.dispose();
  }

  /** Loss and gradient of the vector of `groups`; no gradient where they are empty. */
  private differentiate(
    program: Program,
    groups: readonly Group[],
    inputs: RunInputs,
  ): { value: Scalar; gradient: Tensor | undefined } {
    const { tf } = this;
    const frozen = this.groups.filter((group) => !groups.includes(group));
    // A variable copies what it starts with.
    const flat = tf.tidy(() => tf.variable(this.uploaded(groups), true));
    try {
      // A mean, so of no axes; the graph says so, not the type of a tensor.
      const loss = (): Scalar =>
        program
          .run(
            new Map([
              ...this.inputFeeds(program, inputs),
              ...this.frozenFeeds(frozen),
              ...this.parameterFeeds(flat, groups),
            ]),
          )
          .get('loss') as Scalar;
      if (flat.size === 0) return { value: tf.tidy(loss), gradient: undefined };
      const { value, grads } = tf.variableGrads(loss, [flat]);
      return { value, gradient: grads[flat.name] };
    } finally {
      flat.dispose();
    }
  }

  private async infer(wanted: Wanted, inputs: RunInputs): Promise<Float32Array> {
    const { program, output } = this.programFor(wanted);
    const result = this.onDevice(() => {
      program.prepare();
      return this.tf.tidy(() => present(program.run(this.feedsOf(program, inputs)).get(output)));
    });
    return read(result);
  }

  /** Run `work` with the backend of this model active, its failures explained. */
  private onDevice<T>(work: () => T): T {
    return explaining(this.tf, this.device, () => withBackend(this.tf, this.device, work));
  }

  private programFor(wanted: Wanted): CompiledProgram {
    const key = typeof wanted === 'object' ? `site:${wanted.site}` : wanted;
    const known = this.programs.get(key);
    if (known !== undefined) return known;
    const { graph, output } = compileForward(this.model, wanted);
    const made = { program: new Program(this.tf, graph, this.constants), output };
    this.programs.set(key, made);
    return made;
  }

  /** The parameters of some groups, cut out of the vector of them. */
  private parameterFeeds(flat: Tensor, groups: readonly Group[]): [string, Operand][] {
    const { tf } = this;
    const chosen = this.model.parameters.filter(({ group }) => groups.includes(group));
    if (chosen.length === 0) return [];
    const parts = tf.split(
      flat,
      chosen.map(({ shape }) => elementCount(shape)),
    );
    return chosen.map(({ name, shape }, i) => [
      name,
      { ...deviceOperand(tf.reshape(elementAt(parts, i), [...shape]), { dtype: 'float32', dims: shape }), own: false },
    ]);
  }

  private uploaded(groups: readonly Group[]): Tensor {
    return this.tf.tensor1d(this.places.gather(this.values, groups));
  }

  private frozenFeeds(groups: readonly Group[]): [string, Operand][] {
    return this.parameterFeeds(this.uploaded(groups), groups);
  }

  private inputFeeds({ graph }: Program, inputs: RunInputs): [string, Operand][] {
    return graph.inputs.flatMap(({ name }): [string, Operand][] => {
      const value = inputValue(this.model, inputs, name);
      return value === undefined ? [] : [[name, hostOperand(this.tf, value)]];
    });
  }

  private feedsOf(program: Program, inputs: RunInputs): Map<string, Operand> {
    return new Map([...this.inputFeeds(program, inputs), ...this.frozenFeeds(this.groups)]);
  }
}
