import type { DriverOptions } from '@hadamard-adapter/core/driver';
import { present } from '@hadamard-adapter/core/internal';
import { lossOf, poolingOf, type Fixture } from './fixture.js';
import type { Case } from './cases/case.js';
import { forwardCases } from './cases/forward.js';
import { gradientCases } from './cases/gradient.js';
import { invariantCases } from './cases/invariants.js';
import { quantizedCases } from './cases/quantized.js';
import { scheduleCases } from './cases/schedule.js';
import { precisionOf } from './precision.js';

/** Something of a fixture that this suite has no case for, and why. */
export interface NotCovered {
  readonly what: string;
  readonly reason: string;
}

export interface Collection {
  /** In an order in which cases of the same setup follow each other. */
  readonly cases: readonly Case[];
  readonly notCovered: readonly NotCovered[];
}

export interface Filter {
  /** Families to run; default all. */
  readonly families?: readonly string[];
  /** Model files to run; default: those of `DEFAULT_VARIANTS` that are there. */
  readonly variants?: readonly string[];
  /** Part of a key, or a pattern with `*`. */
  readonly key?: string;
}

/**
 * Model files that a runtime must take to be conformant: what exporters, optimizers and quantizers make of a model, and
 * the checkpoint itself.
 */
export const DEFAULT_VARIANTS: readonly string[] = [
  'model.onnx',
  'model.classic.onnx',
  'model.opset11.onnx',
  'model.opset17.onnx',
  'model.dynamo.onnx',
  'model.optimized.onnx',
  'model.int8.onnx',
  'model.fp16.onnx',
  'model.safetensors',
];

/** All cases of the fixtures that pass the filter. What is not recorded makes no case. */
export function collectCases(
  fixtures: readonly Fixture[],
  { families, variants = DEFAULT_VARIANTS, key }: Filter = {},
): Collection {
  const cases: Case[] = [];
  const notCovered: NotCovered[] = [];
  const pattern = key === undefined ? undefined : keyPattern(key);
  for (const fixture of fixtures) {
    if (families !== undefined && !families.includes(fixture.family)) continue;
    for (const variant of fixture.variants) {
      if (!variants.includes(variant)) continue;
      for (const golden of Object.keys(fixture.golden.variants)) {
        const options = optionsOf(fixture, golden);
        if ('reason' in options)
          notCovered.push({ what: `${fixture.family}/${variant}/${golden}`, reason: options.reason });
        else cases.push(...casesOf(fixture, variant, golden, options));
      }
    }
  }
  return { cases: pattern === undefined ? cases : cases.filter((each) => pattern.test(each.key)), notCovered };
}

/** A key, part of one, or a pattern with `*`, as a regular expression. */
export function keyPattern(key: string): RegExp {
  const escaped = key.split('*').map((part) => part.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(key.includes('*') ? `^${escaped.join('.*')}$` : escaped.join('.*'));
}

function casesOf(fixture: Fixture, variant: string, golden: string, options: DriverOptions): Case[] {
  const precision = precisionOf(variant);
  const setup = {
    family: fixture.family,
    variant,
    precision,
    fixture,
    options: precision === 'int8' ? { ...options, trainBase: false } : options,
  };
  const adapted = options.site !== 'none';
  const whole = options.loss === 'cross-entropy';
  // The trajectories were recorded with the norm after attention alone, so they have a setup of their own.
  const trained: DriverOptions = { ...options, norm: 'attention', trainBase: false };
  if (precision === 'int8')
    return whole ? [...quantizedCases(setup, golden), ...(adapted ? invariantCases(setup, golden) : [])] : [];
  return [
    ...forwardCases(setup, golden),
    ...gradientCases(setup, golden),
    ...(adapted && whole ? invariantCases(setup, golden) : []),
    ...(fixture.golden.trajectory?.site === golden && precision === 'float32'
      ? scheduleCases({ ...setup, options: trained })
      : []),
  ];
}

function optionsOf(fixture: Fixture, golden: string): DriverOptions | { readonly reason: string } {
  const description = present(fixture.golden.variants[golden]);
  const { site } = description;
  if (site !== 'none' && site !== 'context' && site !== 'output') return { reason: `site ${site}` };
  const pooling = poolingOf(fixture.golden);
  if (pooling === undefined) return { reason: `pooling "${fixture.golden.pooling}"` };
  const [shape] = Object.keys(fixture.golden.shapes);
  const gradients = fixture.names(`${golden}.${shape}.grad.`);
  const { attention_output_norms: first, ffn_output_norms: second } = fixture.golden;
  const ofBase = gradients.some(
    (name) =>
      !name.startsWith('head.') &&
      !name.startsWith('adapter.') &&
      ![...first, ...second].some((norm) => name.startsWith(`${norm}.`)),
  );
  return {
    site,
    crossAttention: description.adapters.some(({ key: adapter }) => adapter.endsWith('.cross')),
    norm: first.length + second.length > 0 ? 'both' : 'none',
    numLabels: description.num_labels,
    loss: lossOf(description.loss),
    pooling,
    head: 'linear',
    trainBase: ofBase,
  };
}
