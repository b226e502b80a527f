import { MismatchError, type Group } from '@hadamard-adapter/core';
import { prune, type Graph, type ValueInfo } from '@hadamard-adapter/graph/internal';
import { GRADIENTS_OUTPUT } from './forms/names.js';
import { activationCutsOf, countProducts, fromCut, upToCut, type ActivationCut } from './gradients/activation-cut.js';
import { differentiate } from './gradients/differentiate.js';
import { keptBytes, recomputeWithin, type ActivationBudget, type BatchSize } from './gradients/recompute.js';
import type { AdapterModel } from './model.js';
import { ASKED, programPasses, runPasses, storedPasses } from './passes.js';
import { concatenate } from './passes/support/concatenate.js';

/** What a compiled graph answers: hidden states [batch, sequence, hidden], logits [batch, numLabels]. */
export type InferenceOutput = 'hidden' | 'logits';

/** A graph ready to be written: parameters as one flat input `parameters`, next to the inputs of the base model. */
export function compileInference(
  model: AdapterModel,
  outputs: readonly InferenceOutput[],
  from?: ActivationCut,
): Graph {
  const names = new Set(outputs.map((output) => (output === 'hidden' ? model.canonical.hidden : 'logits')));
  const wanted = model.graph.outputs.filter(({ name }) => names.has(name));
  const program = finish(startingAt(asked(model, wanted), from), model);
  return runPasses(storedPasses(model.canonical.hidden, model.canonical.precision), program);
}

/**
 * A graph for runtimes that differentiate by themselves, in the internal forms (`Linear`, `Attention`, `Gelu`, …, see
 * `OPERATORS`), every parameter an input of its own. Its output is `loss`, which also reads `targets`; `logits`; the
 * hidden states; or `{ site }`, what the adapter of that key is applied to.
 *
 * @throws MismatchError SITE_UNKNOWN when there is no such site.
 */
export function compileForward(
  model: AdapterModel,
  wanted: 'loss' | InferenceOutput | { readonly site: string },
): { graph: Graph; output: string } {
  const output =
    typeof wanted === 'object'
      ? siteValue(model, wanted.site).name
      : wanted === 'hidden'
        ? model.canonical.hidden
        : wanted;
  const outputs =
    typeof wanted === 'object'
      ? [siteValue(model, wanted.site)]
      : model.graph.outputs.filter(({ name }) => name === output);
  return { graph: asked(model, outputs), output };
}

/**
 * The graph whose only output is x, what the adapter `key` is applied to: [batch, sequence, channels]. For analysis:
 * what adapters do to attention outputs.
 *
 * @throws MismatchError SITE_UNKNOWN when there is no such site.
 */
export function compileSiteInput(model: AdapterModel, key: string): { graph: Graph; output: string } {
  const output = siteValue(model, key);
  const program = finish(prune({ ...model.graph, outputs: [output] }), model);
  return { graph: runPasses(storedPasses(output.name, model.canonical.precision), program), output: output.name };
}

function siteValue({ sites, options }: AdapterModel, key: string): ValueInfo {
  const info = sites.find((site) => site.key === key);
  if (info === undefined) {
    throw new MismatchError('The model has no such site', {
      code: 'SITE_UNKNOWN',
      found: key,
      expected: sites.map((site) => site.key).join(', '),
    });
  }
  const site = options.site === 'output' ? 'output' : 'context';
  return { name: info[site], dtype: 'float32', dims: ['batch', 'sequence', info.channels[site]] };
}

/**
 * Forward, loss and gradients in one graph: outputs `loss` [] and `gradients` [n], the gradients of the parameters of
 * `groups`, flat, in layout order. Further input `targets` [batch, numLabels]. With `from`, the graph starts at the
 * cut; with `budget`, backward computes again what does not fit.
 */
export function compileTraining(
  model: AdapterModel,
  groups: readonly Group[],
  from?: ActivationCut,
  budget?: ActivationBudget,
): Graph {
  const { graph, all, values } = training(model, groups, from);
  return finish(budget === undefined ? graph : recomputeWithin(graph, all, values, budget), model, values);
}

/** What a step with these groups keeps between forward and backward, bytes, by the size of its batch. */
export function trainingActivations(
  model: AdapterModel,
  groups: readonly Group[],
  from?: ActivationCut,
): (size: BatchSize) => number {
  const { graph, values } = training(model, groups, from);
  return keptBytes(graph, values);
}

/**
 * Forward, loss and gradients in the internal forms, with the gradients of all values and the names of those of the
 * forward pass.
 */
function training(
  model: AdapterModel,
  groups: readonly Group[],
  from: ActivationCut | undefined,
): { graph: Graph; all: ReadonlyMap<string, string>; values: ReadonlySet<string> } {
  const trained = trainedParameters(model, groups);
  const forward = asked(
    model,
    model.graph.outputs.filter(({ name }) => name === 'loss'),
  );
  const { builder, gradients, all, forward: values } = differentiate(startingAt(forward, from), 'loss', trained);
  const flat = Array.from(gradients.values(), (gradient) =>
    builder.dims(gradient).length === 1 ? gradient : builder.emit('Reshape', [gradient, builder.ints([-1])]),
  );
  // The loss alone may be asked for; Concat wants at least one input.
  if (flat.length === 0) builder.emit('ConstantOfShape', [builder.ints([0])], {}, { output: GRADIENTS_OUTPUT });
  else concatenate(builder, flat, GRADIENTS_OUTPUT);
  return { graph: builder.finish(['loss', GRADIENTS_OUTPUT]), all, values };
}

/** Everything in front of the cut, whose values are the only outputs. */
export function compilePrefix(model: AdapterModel, cut: ActivationCut): Graph {
  return finish(upToCut(forLogits(model), cut), model);
}

/**
 * From what kept activations training `groups` may start, the way that saves most first; empty when none would save a
 * matrix product.
 */
export function trainingCuts(model: AdapterModel, groups: readonly Group[]): ActivationCut[] {
  const graph = forLogits(model);
  const cuts = activationCutsOf(graph, model.mask, new Set(trainedParameters(model, groups)), 'logits');
  return cuts.filter((cut) => countProducts(upToCut(graph, cut)) > 0);
}

/** As much of the model as logits need. */
function forLogits(model: AdapterModel): Graph {
  return asked(
    model,
    model.graph.outputs.filter(({ name }) => name === 'logits'),
  );
}

/** As much of the model as some of its values need. */
const asked = (model: AdapterModel, outputs: readonly ValueInfo[]): Graph =>
  runPasses(ASKED, prune({ ...model.graph, outputs }));

const startingAt = (graph: Graph, from: ActivationCut | undefined): Graph =>
  from === undefined ? graph : fromCut(graph, from);

function trainedParameters(model: AdapterModel, groups: readonly Group[]): string[] {
  return model.parameters.filter(({ group }) => groups.includes(group)).map(({ name }) => name);
}

/** @param forward values of the forward pass, where there is a backward pass too. */
function finish(
  graph: Graph,
  { parameters, options: { int8Bits } }: AdapterModel,
  forward?: ReadonlySet<string>,
): Graph {
  return runPasses(programPasses({ parameters, int8Bits, forward }), graph);
}
