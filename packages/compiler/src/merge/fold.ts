import { MismatchError, UnsupportedError } from '@hadamard-adapter/core';
import {
  intAttribute,
  type Graph,
  type Node,
  type Tensor,
  builderOn,
  type Builder,
  isQuantizedLinear,
  makeNode,
  elementCount,
  float32Tensor,
  toFloat32,
} from '@hadamard-adapter/graph/internal';
import type { Parameter } from '../adapters/parameters.js';
import type { AdapterModel } from '../model.js';
import { LOGITS } from '../forms/names.js';
import { attachHead, headParameters, type NewHead } from '../heads/head.js';
import { chooseNorms, chooseSites } from '../sites/choose.js';
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
  const replaced = new Map<Node, Node>();
  for (const { name, group, source, shape } of parameters) {
    if ((group === 'base' || group === 'classifier') && source !== undefined)
      tensors.set(source, float32Tensor(valueOf(values, name, shape), shape));
  }
  const rename = (node: Node, inputs: readonly string[]): void =>
    void replaced.set(node, { ...(replaced.get(node) ?? node), inputs });

  const inFront = new Map<Node, readonly Node[]>();
  for (const { key, projection } of sites) {
    const [scale, shift] = ['weight', 'bias'].map((part) =>
      parameters.find(({ name }) => name === `${key}.adapter.${part}`),
    );
    const shape = (scale ?? shift)?.shape;
    if (shape === undefined) continue;
    const vector = (parameter: Parameter | undefined, otherwise: number): Float32Array =>
      parameter === undefined
        ? new Float32Array(shape[0] as number).fill(otherwise)
        : valueOf(values, parameter.name, shape);
    const [w, b] = [vector(scale, 1), vector(shift, 0)];
    // Own names: a layer may share its weights with another that has an adapter of its own.
    const own = (part: string, tensor: Tensor, original?: Tensor): string => {
      const name = `${key}.folded.${part}`;
      tensors.set(name, tensor);
      if (original !== undefined) record.originals.set(name, original);
      return name;
    };
    const filled = (value: number, size: number): Tensor => float32Tensor(new Float32Array(size).fill(value), [size]);
    if (isQuantizedLinear(projection) && options.site === 'context') {
      const adapted = applyVectors(
        projection.inputs[0] as string,
        key,
        own('scale', float32Tensor(w, shape), filled(1, w.length)),
        own('shift', float32Tensor(b, shape), filled(0, b.length)),
      );
      inFront.set(projection, adapted);
      rename(projection, [adapted.at(-1)?.outputs[0] as string, ...projection.inputs.slice(1)]);
    } else if (isQuantizedLinear(projection)) {
      const [x, weight, scale, zero, bias] = projection.inputs as [
        string,
        string,
        string,
        string | undefined,
        string | undefined,
      ];
      const folded = foldQuantized(
        tensors.get(scale) as Tensor,
        bias === undefined ? undefined : tensors.get(bias),
        w,
        b,
      );
      const scales = toFloat32(tensors.get(scale) as Tensor);
      const originals = [
        float32Tensor(
          w.map((_, i) => scales[i % scales.length] as number),
          [w.length],
        ),
        bias === undefined || bias === '' ? filled(0, w.length) : (tensors.get(bias) as Tensor),
      ] as const;
      rename(projection, [
        x,
        weight,
        own('scale', folded.scale, originals[0]),
        zero ?? '',
        own('bias', folded.bias, originals[1]),
      ]);
    } else {
      const [x, weight, bias] = projection.inputs as [string, string, string | undefined];
      const transposed = intAttribute(projection, 'transB', 0) === 1;
      const folded = foldProjection(
        tensors.get(weight) as Tensor,
        bias === undefined ? undefined : tensors.get(bias),
        transposed,
        options.site === 'context',
        w,
        b,
      );
      const context = options.site === 'context';
      record.scaled.set(own('weight', folded.weight), {
        by: float32Tensor(w, shape),
        axis: context === transposed ? 1 : 0,
      });
      rename(projection, [
        x,
        `${key}.folded.weight`,
        own(
          'bias',
          folded.bias,
          bias === undefined ? filled(0, folded.bias.dims[0] as number) : (tensors.get(bias) as Tensor),
        ),
      ]);
    }
  }

  const bySource = new Map(
    parameters.filter(({ group }) => group === 'norm').map((parameter) => [parameter.source, parameter]),
  );
  for (const site of chooseSites(sites, options)) {
    for (const { node } of chooseNorms(site, options.norm)) {
      const inputs = node.inputs.map((input) => {
        const parameter = bySource.get(input);
        if (parameter === undefined) return input;
        tensors.set(
          `${parameter.name}.folded`,
          float32Tensor(valueOf(values, parameter.name, parameter.shape), parameter.shape),
        );
        record.originals.set(`${parameter.name}.folded`, canonical.graph.tensors.get(input) as Tensor);
        return `${parameter.name}.folded`;
      });
      rename(node, inputs);
    }
  }
  return {
    ...canonical.graph,
    tensors,
    nodes: canonical.graph.nodes.flatMap((node) => [...(inFront.get(node) ?? []), replaced.get(node) ?? node]),
  };
}

/**
 * In front of a quantized projection the adapter stays what it is, a product and a sum of vectors: rows of a packed
 * matrix have no scale of their own, and rounding the matrix again would lose what was trained.
 */
function applyVectors(x: string, key: string, scale: string, shift: string): Node[] {
  return [
    makeNode('Mul', [x, scale], [`${key}.folded.scaled`]),
    makeNode('Add', [`${key}.folded.scaled`, shift], [`${key}.folded.adapted`]),
  ];
}

/** Behind a quantized projection: columns do have a scale. */
function foldQuantized(
  scale: Tensor,
  bias: Tensor | undefined,
  w: Float32Array,
  b: Float32Array,
): { scale: Tensor; bias: Tensor } {
  const [scales, shifts] = [toFloat32(scale), bias === undefined ? undefined : toFloat32(bias)];
  return {
    scale: float32Tensor(
      w.map((factor, i) => factor * (scales[i % scales.length] as number)),
      [w.length],
    ),
    bias: float32Tensor(
      b.map((shift, i) => shift + (w[i] as number) * (shifts?.[i] ?? 0)),
      [b.length],
    ),
  };
}

/** `transposed`: the matrix is stored as [out, in]. */
function foldProjection(
  weight: Tensor,
  bias: Tensor | undefined,
  transposed: boolean,
  context: boolean,
  w: Float32Array,
  b: Float32Array,
): { weight: Tensor; bias: Tensor } {
  const [rows, columns] = weight.dims as [number, number];
  const outputs = transposed ? rows : columns;
  const source = toFloat32(weight);
  const scaled = new Float32Array(source.length);
  const shift = Float64Array.from(bias === undefined ? new Float32Array(outputs) : toFloat32(bias));
  if (!context)
    for (let out = 0; out < outputs; out++)
      shift[out] = (shift[out] as number) * (w[out] as number) + (b[out] as number);
  for (let row = 0, i = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, i++) {
      const [input, output] = transposed ? [column, row] : [row, column];
      const value = source[i] as number;
      scaled[i] = value * (w[context ? input : output] as number);
      if (context) shift[output] = (shift[output] as number) + (b[input] as number) * value;
    }
  }
  return { weight: float32Tensor(scaled, weight.dims), bias: float32Tensor(shift, [outputs]) };
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
