import { MismatchError, UnsupportedError } from '@hadamard-adapter/core';
import {
  type Graph,
  type Node,
  builderOn,
  type Builder,
  elementCount,
  float32Tensor,
} from '@hadamard-adapter/graph/internal';
import type { Parameter } from '../adapters/parameters.js';
import type { AdapterModel } from '../model.js';
import { LOGITS } from '../forms/names.js';
import { attachHead, headParameters, type NewHead } from '../heads/head.js';
import { chooseNorms, chooseSites } from '../sites/choose.js';
import { foldProjection } from './fold-projection.js';
import { emptyRecord, type FoldRecord } from './record.js';

/** Values of all parameters by name. */
export type ParameterValues = ReadonlyMap<string, Float32Array>;

/**
 * The adapters of a model in its weights, in the forms of the compiler, with what is needed to undo it: see
 * `foldAdapters`.
 */
export function foldIntoWeights(model: AdapterModel, values: ParameterValues): FoldedGraph {
  if (model.options.baseline !== undefined)
    throw new UnsupportedError('Only adapters can be folded', {
      code: 'FOLD_BASELINE',
      found: model.options.baseline.kind,
      expected: 'site context or output',
    });
  const record = emptyRecord(model.canonical.hidden);
  const folded = foldEncoder(model, values, record);
  const { head } = model.options;
  const graph = head === 'model' ? folded : withNewHead(folded, model, head, values);
  const outputs = graph.outputs.toSorted((a, b) => Number(b.name === LOGITS) - Number(a.name === LOGITS));
  return { graph: { ...graph, outputs }, record };
}

/** A graph with adapters in its weights, and what takes them out again. */
export interface FoldedGraph {
  readonly graph: Graph;
  readonly record: FoldRecord;
}

/** The two sides of logits [batch, sequence, 2] as outputs of their own. */
function spanOutputs(builder: Builder, logits: string): string[] {
  const sides = builder.ints([2]);
  return ['start_logits', 'end_logits'].map((output, side) =>
    builder.emit(
      'Squeeze',
      [builder.emit('Slice', [logits, builder.ints([side]), builder.ints([side + 1]), sides]), sides],
      {},
      { output },
    ),
  );
}

/** Pooling and a classifier of our own behind the hidden states, its weights constants. */
function withNewHead(
  folded: Graph,
  { options, canonical, mask }: AdapterModel,
  head: NewHead,
  values: ParameterValues,
): Graph {
  const tensors = new Map(folded.tensors);
  const own = { ...options, head, dropout: false, hiddenSize: canonical.hiddenSize };
  for (const { name, shape } of headParameters(own)) {
    tensors.set(name, float32Tensor(valueOf(values, name, shape), shape));
  }
  const graph: Graph = { ...folded, tensors };
  const builder = builderOn(graph);
  if (head === 'cosine') return builder.finish([canonical.hidden]);
  const logits = attachHead(builder, canonical.hidden, mask, own);
  return builder.finish([
    ...(options.loss === 'span-cross-entropy' ? spanOutputs(builder, logits) : [logits]),
    canonical.hidden,
  ]);
}

function foldEncoder(
  { canonical, sites, options, parameters }: AdapterModel,
  values: ParameterValues,
  record: FoldRecord,
): Graph {
  const tensors = new Map(canonical.graph.tensors);
  const inPlaceOf = new Map<Node, readonly Node[]>();
  for (const { name, group, source, shape } of parameters) {
    if ((group === 'base' || group === 'classifier') && source !== undefined)
      tensors.set(source, float32Tensor(valueOf(values, name, shape), shape));
  }

  for (const { key, projection } of sites) {
    const [scale, shift] = ['weight', 'bias'].map((part) =>
      parameters.find(({ name }) => name === `${key}.adapter.${part}`),
    );
    const shape = (scale ?? shift)?.shape;
    if (shape === undefined || options.site === 'none') continue;
    const vector = (parameter: Parameter | undefined, otherwise: number): Float32Array =>
      parameter === undefined
        ? new Float32Array(elementCount(shape)).fill(otherwise)
        : valueOf(values, parameter.name, shape);
    const adapter = { site: options.site, w: vector(scale, 1), b: vector(shift, 0) };
    const folded = foldProjection(projection, adapter, `${key}.folded`, tensors);
    inPlaceOf.set(projection, folded.nodes);
    for (const [name, tensor] of folded.tensors) tensors.set(name, tensor);
    for (const [name, tensor] of folded.originals) record.originals.set(name, tensor);
    for (const [name, scaled] of folded.scaled) record.scaled.set(name, scaled);
  }

  const bySource = new Map(
    parameters.filter(({ group }) => group === 'norm').map((parameter) => [parameter.source, parameter]),
  );
  for (const site of chooseSites(sites, options)) {
    for (const { node } of chooseNorms(site, options.norm)) {
      const inputs = node.inputs.map((input) => {
        const parameter = bySource.get(input);
        const original = canonical.graph.tensors.get(input);
        if (parameter === undefined || original === undefined) return input;
        const { name, shape } = parameter;
        tensors.set(`${name}.folded`, float32Tensor(valueOf(values, name, shape), shape));
        record.originals.set(`${name}.folded`, original);
        return `${name}.folded`;
      });
      inPlaceOf.set(node, [{ ...node, inputs }]);
    }
  }
  return { ...canonical.graph, tensors, nodes: canonical.graph.nodes.flatMap((node) => inPlaceOf.get(node) ?? [node]) };
}

function valueOf(values: ParameterValues, name: string, shape: readonly number[]): Float32Array {
  const value = values.get(name);
  if (value?.length === elementCount(shape)) return value;
  throw new MismatchError(`The value of parameter ${name} does not fit`, {
    code: 'PARAMETER_MISSING',
    found: value === undefined ? 'none' : `${value.length} numbers`,
    expected: `${elementCount(shape)} numbers`,
  });
}
