import type { Range } from '@hadamard-adapter/core';
import { builderOn, int, type Builder, type Graph, type ValueInfo } from '@hadamard-adapter/graph/internal';
import { GRADIENTS_OUTPUT, PARAMETERS_INPUT } from './forms/names.js';
import { TARGET_OPSET } from './forms/opset.js';
import { concatenate } from './passes/support/concatenate.js';

/** What AdamW wants to know of a step, in the order of the input `settings`. */
export const UPDATE_SETTINGS = [
  'decay',
  'stepSize',
  'beta1',
  'oneMinusBeta1',
  'beta2',
  'oneMinusBeta2',
  'secondCorrection',
  'epsilon',
  'maxGradientNorm',
] as const;

export type UpdateSettings = Readonly<Record<(typeof UPDATE_SETTINGS)[number], number>>;

export interface UpdateShape {
  /** Numbers in the vector of all parameters. */
  readonly size: number;
  /** The trained ranges of it, in order. */
  readonly ranges: readonly Range[];
  /** Also answer everything in one vector, `snapshot`: loss, all parameters, both moments. */
  readonly snapshot: boolean;
}

/**
 * AdamW as a graph, for runtimes that keep the state on the device: inputs `parameters` [n], `gradients`, `first`,
 * `second` [k], `settings` [9], `loss` []; outputs `parameters_next`, `first_next`, `second_next`, and with `snapshot`
 * [1 + n + 2k] all of it once more, so that one transfer brings a step's whole result. The arithmetic of core's `adamw`
 * and `clipGradient`, in float32.
 */
export function compileUpdate({ size, ranges, snapshot }: UpdateShape): Graph {
  const trained = ranges.reduce((sum, { start, end }) => sum + end - start, 0);
  const builder = empty([
    vector(PARAMETERS_INPUT, size),
    vector(GRADIENTS_OUTPUT, trained),
    vector('first', trained),
    vector('second', trained),
    vector('settings', UPDATE_SETTINGS.length),
    { name: 'loss', dtype: 'float32', dims: [] },
  ]);
  const multiply = (left: string, right: string): string => builder.emit('Mul', [left, right]);
  const setting = (name: (typeof UPDATE_SETTINGS)[number]): string => {
    const at = UPDATE_SETTINGS.indexOf(name);
    return slice(builder, 'settings', { start: at, end: at + 1 });
  };

  const squares = builder.emit('ReduceSum', [multiply(GRADIENTS_OUTPUT, GRADIENTS_OUTPUT), builder.ints([0])], {
    keepdims: int(1),
  });
  const norm = builder.emit('Add', [builder.emit('Sqrt', [squares]), builder.scalar(1e-6)]);
  const factor = builder.emit('Min', [builder.emit('Div', [setting('maxGradientNorm'), norm]), builder.scalar(1)]);
  const gradient = multiply(GRADIENTS_OUTPUT, factor);

  const first = builder.emit(
    'Add',
    [multiply('first', setting('beta1')), multiply(gradient, setting('oneMinusBeta1'))],
    {},
    { output: 'first_next' },
  );
  const second = builder.emit(
    'Add',
    [multiply('second', setting('beta2')), multiply(multiply(gradient, gradient), setting('oneMinusBeta2'))],
    {},
    { output: 'second_next' },
  );
  const root = builder.emit('Add', [
    builder.emit('Div', [builder.emit('Sqrt', [second]), setting('secondCorrection')]),
    setting('epsilon'),
  ]);
  const change = builder.emit('Div', [multiply(first, setting('stepSize')), root]);
  const before = concatenate(
    builder,
    ranges.map((range) => slice(builder, PARAMETERS_INPUT, range)),
  );
  const after = builder.emit('Sub', [multiply(before, setting('decay')), change]);

  concatenate(builder, pieces(builder, size, ranges, after), 'parameters_next');
  if (snapshot)
    concatenate(
      builder,
      [builder.emit('Reshape', ['loss', builder.ints([1])]), 'parameters_next', first, second],
      'snapshot',
    );
  return builder.finish(['parameters_next', 'first_next', 'second_next', ...(snapshot ? ['snapshot'] : [])]);
}

/**
 * A weighted sum over micro-batches: inputs `sum` and `gradients` [k], `loss_sum` and `loss` [], `weight` [1]; outputs
 * `sum_next` = sum + weight · gradients and `loss_next`.
 */
export function compileAccumulation(size: number): Graph {
  const scalar = (name: string): ValueInfo => ({ name, dtype: 'float32', dims: [] });
  const builder = empty([
    vector('sum', size),
    vector(GRADIENTS_OUTPUT, size),
    scalar('loss_sum'),
    scalar('loss'),
    scalar('weight'),
  ]);
  builder.emit('Add', ['sum', builder.emit('Mul', [GRADIENTS_OUTPUT, 'weight'])], {}, { output: 'sum_next' });
  builder.emit('Add', ['loss_sum', builder.emit('Mul', ['loss', 'weight'])], {}, { output: 'loss_next' });
  return builder.finish(['sum_next', 'loss_next']);
}

const vector = (name: string, size: number): ValueInfo => ({ name, dtype: 'float32', dims: [size] });

function empty(inputs: readonly ValueInfo[]): Builder {
  const graph: Graph = {
    name: 'optimizer',
    opsets: new Map([['', TARGET_OPSET]]),
    inputs,
    outputs: [],
    nodes: [],
    tensors: new Map(),
  };
  return builderOn(graph);
}

function slice(builder: Builder, value: string, { start, end }: Range): string {
  return builder.emit('Slice', [value, builder.ints([start]), builder.ints([end]), builder.ints([0])]);
}

/** All parameters as parts: the frozen stretches as they were, the trained ones out of `after`. */
function pieces(builder: Builder, size: number, ranges: readonly Range[], after: string): string[] {
  const parts: string[] = [];
  let [at, taken] = [0, 0];
  for (const { start, end } of ranges) {
    if (start > at) parts.push(slice(builder, PARAMETERS_INPUT, { start: at, end: start }));
    parts.push(slice(builder, after, { start: taken, end: taken + end - start }));
    taken += end - start;
    at = end;
  }
  if (size > at) parts.push(slice(builder, PARAMETERS_INPUT, { start: at, end: size }));
  return parts;
}
