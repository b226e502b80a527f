import { fromBinary } from '@bufbuild/protobuf';
import { FormatError, UnsupportedError } from '../../errors.js';
import { checkGraph } from '../../ir/check.js';
import type { Graph } from '../../ir/graph.js';
import type { Tensor } from '../../tensors/tensor.js';
import { quote } from '../../ir/quote.js';
import { sortNodes } from '../../ir/sort.js';
import { capturedValues, usedValues } from '../../ir/uses.js';
import { rememberExternalData, type ExternalData } from './external.js';
import { readNode, standardDomain } from './nodes.js';
import {
  ModelProtoSchema,
  TensorProto_DataType,
  type GraphProto,
  type ModelProto,
  type OperatorSetIdProto,
} from './onnx_pb.js';
import { malformedModel, messageDepth, scanModel, type ReadLimits } from './scan.js';
import { readTensor } from './tensor.js';
import { readValueInfo } from './values.js';

/** Oldest operator set that the rules of this package are written for: what PyTorch 1.3 and later export. */
export const MIN_OPSET = 11;

const DEFAULT_LIMITS: ReadLimits = { maxNodes: 200_000, maxDepth: 16, maxMemory: 2 ** 31 };

export interface ReadOptions extends Partial<ReadLimits> {
  /**
   * Files that hold weights kept outside the model. Asked once for each location, which is a plain relative path: it
   * cannot lead out of the model's folder.
   */
  readonly externalData?: ExternalData | undefined;
}

/**
 * An ONNX model as a graph. Weights are views into `bytes` or the external files, so keep those unchanged as long as
 * the graph is used. Nodes come in topological order; initializers that are also declared as inputs are no inputs;
 * documentation, metadata, value_info and training information are dropped.
 *
 * Time and memory are linear in the size of the file, memory bounded by the limits in `options` (200,000 nodes, 16
 * levels of graphs, 2 GiB for everything but raw weights).
 *
 * @throws FormatError for bytes that are no ONNX model, are damaged, or describe an impossible graph; UnsupportedError
 *   for what has no place in {@link Graph}: operator sets before 11, model-local functions, sparse tensors, string
 *   tensors that are used, sequences.
 */
export function readModel(bytes: Uint8Array, options: ReadOptions = {}): Graph {
  const limits: ReadLimits = {
    maxNodes: options.maxNodes ?? DEFAULT_LIMITS.maxNodes,
    maxDepth: options.maxDepth ?? DEFAULT_LIMITS.maxDepth,
    maxMemory: options.maxMemory ?? DEFAULT_LIMITS.maxMemory,
  };
  // A Node Buffer would make Buffers of all its views.
  const file = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  scanModel(file, limits);
  const model = decode(file, limits);
  if (model.graph === undefined) throw malformedModel(file, 'no graph');
  const opsets = readOpsets(model.opsetImport);
  refuseFunctions(model);
  const graph = readGraph(model.graph, { opsets, files: rememberExternalData(options.externalData) }, false);
  checkGraph(graph);
  return graph;
}

function decode(file: Uint8Array, limits: ReadLimits): ModelProto {
  try {
    return fromBinary(ModelProtoSchema, file, { readUnknownFields: false, recursionLimit: messageDepth(limits) });
  } catch (cause) {
    throw malformedModel(file, cause instanceof Error ? cause.message : 'an undecodable message', cause);
  }
}

function readOpsets(imports: readonly OperatorSetIdProto[]): Map<string, number> {
  const opsets = new Map<string, number>();
  for (const { domain, version } of imports) {
    const key = standardDomain(domain);
    const number = Number(version);
    const known = opsets.get(key);
    if (number < 1 || number > 1_000_000 || (known !== undefined && known !== number)) {
      throw new FormatError(`The model has an impossible operator set ${quote(domain)}`, {
        code: 'ONNX_OPSET',
        found: known === undefined ? `version ${number}` : `versions ${known} and ${number}`,
        expected: 'one positive version',
      });
    }
    opsets.set(key, number);
  }
  const standard = opsets.get('');
  if (standard === undefined) {
    throw new FormatError('The model names no version of the ONNX operator set', {
      code: 'ONNX_OPSET',
      expected: 'an opset_import for the standard domain',
    });
  }
  if (standard < MIN_OPSET) {
    throw new UnsupportedError('The operator set of the model is too old', {
      code: 'ONNX_OPSET_TOO_OLD',
      found: `opset ${standard}`,
      expected: `${MIN_OPSET} or later`,
      hint: 'Export it again, e.g. with torch.onnx.export(..., opset_version=17) or optimum-cli export onnx --opset 17',
    });
  }
  return opsets;
}

function refuseFunctions({ functions }: ModelProto): void {
  if (functions.length === 0) return;
  const names = functions.slice(0, 3).map(({ domain, name }) => quote(`${domain}:${name}`));
  throw new UnsupportedError('The model defines functions of its own', {
    code: 'ONNX_FUNCTIONS',
    found: `${names.join(', ')}${functions.length > 3 ? ` and ${functions.length - 3} more` : ''}`,
    hint: 'Inline them first, with onnx.inliner.inline_local_functions in Python',
  });
}

interface Context {
  readonly opsets: ReadonlyMap<string, number>;
  readonly files: ExternalData;
}

function readGraph(proto: GraphProto, context: Context, nested: boolean): Graph {
  if (proto.sparseInitializer.length > 0) {
    throw new UnsupportedError('The model has sparse initializers', {
      code: 'ONNX_SPARSE',
      found: quote(proto.sparseInitializer[0]?.values?.name ?? ''),
      expected: 'dense ones',
    });
  }
  const readers = {
    tensor: (tensor: GraphProto['initializer'][number], what: string): Tensor =>
      readTensor(tensor, what, context.files),
    graph: (graph: GraphProto): Graph => readGraph(graph, context, true),
  };
  const nodes = sortNodes(proto.node.map((node) => readNode(node, readers)));
  const outputs = proto.output.map((value) => readValueInfo(value, 'output', nested));
  const inputs = proto.input.map((value) => readValueInfo(value, 'input', nested));
  const { tensors, dropped } = readTensors(proto, context.files);
  const graph: Graph = {
    name: proto.name,
    opsets: context.opsets,
    // Before IR version 4 every initializer had to be declared as an input too.
    inputs: nested ? inputs : inputs.filter(({ name }) => !tensors.has(name) && !dropped.has(name)),
    outputs,
    nodes,
    tensors,
  };
  refuseUsed(graph, dropped);
  return graph;
}

/** Initializers by name; those of strings, for which there is no use here, only by name. */
function readTensors(proto: GraphProto, files: ExternalData): { tensors: Map<string, Tensor>; dropped: Set<string> } {
  const tensors = new Map<string, Tensor>();
  const dropped = new Set<string>();
  for (const initializer of proto.initializer) {
    const { name } = initializer;
    if (name === '' || tensors.has(name) || dropped.has(name)) {
      throw new FormatError(`Initializer ${quote(name)} ${name === '' ? 'has no name' : 'is there twice'}`, {
        code: 'ONNX_DUPLICATE_VALUE',
        expected: 'different names',
      });
    }
    if (initializer.dataType === TensorProto_DataType.STRING) dropped.add(name);
    else tensors.set(name, readTensor(initializer, `Initializer ${quote(name)}`, files));
  }
  return { tensors, dropped };
}

function refuseUsed(graph: Graph, dropped: ReadonlySet<string>): void {
  if (dropped.size === 0) return;
  const used = new Set([...capturedValues(graph), ...graph.nodes.flatMap((node) => [...usedValues(node)])]);
  for (const name of dropped) {
    if (!used.has(name)) continue;
    throw new UnsupportedError(`Initializer ${quote(name)} has an element type that is not supported`, {
      code: 'ONNX_DATA_TYPE',
      found: 'strings',
      expected: 'numbers',
      hint: 'Export the model without its tokenizer',
    });
  }
}
