import { METRICS } from '@hadamard-adapter/core';
import * as v from 'valibot';
import { METHODS, type MethodSettings } from '../methods.js';
import { namesLayers } from './grid.js';
import { SWEEP_DEVICES } from './run.js';
import { oneOrMore, strict } from './yaml.js';

const text = v.pipe(v.string(), v.minLength(1, 'a text'));
const whole = (least: number, most = 1e9) =>
  v.pipe(
    v.number(),
    v.integer(`a whole number from ${least} to ${most}`),
    v.minValue(least, `at least ${least}`),
    v.maxValue(most, `at most ${most}`),
  );
const rate = v.pipe(v.number(), v.gtValue(0, 'more than 0'), v.finite('a finite number'));
const from0 = (most: number) => v.pipe(v.number(), v.minValue(0, 'at least 0'), v.maxValue(most, `at most ${most}`));
const seed = whole(0, 0xffffffff);

const layers = v.pipe(v.string(), v.check(namesLayers, 'layers such as 0,2,5 or 4-7, or all'));
const layerNumbers = v.pipe(v.array(whole(0, 9999)), v.minLength(1, 'at least one layer'));
/** One set of layers, or a list of sets. */
const layerSetting = v.lazy((input) => {
  if (!Array.isArray(input)) return typeof input === 'string' ? layers : whole(0, 9999);
  if (input.every((item) => typeof item === 'number')) return layerNumbers;
  return v.array(v.lazy((item) => (Array.isArray(item) ? layerNumbers : layers)));
});

/** Settings of a method, by the names of `MethodSettings`: each one value, or a list of values to try. */
const settings = {
  method: v.optional(v.string()),
  site: v.optional(oneOrMore(v.picklist(['context', 'output']))),
  norm: v.optional(oneOrMore(v.picklist(['attention', 'output', 'both', 'none']))),
  layers: v.optional(layerSetting),
  parts: v.optional(oneOrMore(v.picklist(['both', 'scale', 'shift']))),
  stages: v.optional(oneOrMore(v.picklist([1, 2]))),
  freezeClassifier: v.optional(oneOrMore(v.boolean())),
  pooling: v.optional(oneOrMore(v.picklist(['first', 'last', 'mean']))),
  head: v.optional(oneOrMore(v.picklist(['linear', 'tanh', 'model']))),
  dropout: v.optional(oneOrMore(from0(0.9))),
  rank: v.optional(oneOrMore(whole(1, 10_000))),
  alpha: v.optional(oneOrMore(rate)),
  classifierEpochs: v.optional(oneOrMore(whole(1, 10_000))),
  classifierLr: v.optional(oneOrMore(rate)),
  epochs: v.optional(oneOrMore(whole(1, 10_000))),
  lr: v.optional(oneOrMore(rate)),
  batchSize: v.optional(oneOrMore(whole(1, 65_536))),
  weightDecay: v.optional(oneOrMore(from0(1e9))),
  warmup: v.optional(oneOrMore(from0(1))),
  schedule: v.optional(oneOrMore(v.picklist(['linear', 'constant']))),
  patience: v.optional(oneOrMore(whole(1, 10_000))),
  maxGradNorm: v.optional(oneOrMore(rate)),
} satisfies Record<keyof MethodSettings, v.GenericSchema>;

/** A table of one's own; what the flags of `hadamard train` mean. */
const ownTable = strict({
  name: v.pipe(v.string(), v.regex(/^[\w .-]{1,64}$/, 'letters, digits, blanks, ".", "-" and "_"')),
  train: text,
  dev: v.exactOptional(text),
  text: v.exactOptional(text),
  pair: v.exactOptional(text),
  label: v.exactOptional(text),
  labels: v.exactOptional(v.array(text)),
  format: v.exactOptional(v.picklist(['csv', 'tsv', 'jsonl', 'parquet'])),
  regression: v.exactOptional(v.boolean()),
  metric: v.exactOptional(v.picklist(Object.keys(METRICS))),
  holdout: v.exactOptional(v.pipe(v.number(), v.minValue(0.001, 'at least 0.001'), v.maxValue(0.9, 'at most 0.9'))),
});

const seedList = v.pipe(
  v.array(seed),
  v.minLength(1, 'at least one seed'),
  v.check((seeds) => new Set(seeds).size === seeds.length, 'each seed once'),
);

const methodMap = v.pipe(
  v.record(v.pipe(v.string(), v.maxLength(100, 'at most 100 characters')), v.nullable(strict(settings))),
  v.check((methods) => Object.keys(methods).length > 0, `some of ${METHODS.join(', ')}`),
);

/** The sweep file. */
export const sweepSchema = strict({
  model: text,
  data: v.exactOptional(text),
  tasks: v.pipe(
    v.array(v.lazy((task) => (typeof task === 'string' ? v.string() : ownTable))),
    v.minLength(1, 'at least one task'),
  ),
  methods: methodMap,
  seeds: v.lazy((seeds) => (Array.isArray(seeds) ? seedList : whole(1, 10_000))),
  limit: v.exactOptional(whole(2)),
  maxLength: v.exactOptional(whole(3)),
  arithmetic: v.exactOptional(v.picklist(['float32', 'int8'])),
  device: v.exactOptional(v.picklist(SWEEP_DEVICES)),
  workers: v.exactOptional(whole(1, 1000)),
  threads: v.exactOptional(whole(1, 1000)),
  checkpointEvery: v.exactOptional(whole(1)),
  output: v.exactOptional(text),
});
