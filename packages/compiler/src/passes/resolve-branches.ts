import { FormatError, HadamardError, UnsupportedError } from '@hadamard-adapter/core';
import {
  constantValue,
  operatorName,
  type Graph,
  type Node,
  type Tensor,
  freshNames,
  type FreshNames,
  prune,
  quote,
  elementCount,
  inferNode,
  valueOfTensor,
  type Fact,
} from '@hadamard-adapter/graph/internal';
import type { Pass } from './pass.js';

/**
 * Sizes at which a condition must come out the same before its branch is taken for granted. The last is longer than
 * what most models were trained on.
 */
const SIZES = [
  { batch: 1, sequence: 1 },
  { batch: 1, sequence: 2 },
  { batch: 3, sequence: 11 },
  { batch: 5, sequence: 13 },
  { batch: 2, sequence: 64 },
  { batch: 1, sequence: 512 },
] as const;

/** What a condition depends on (lengths) is small. */
const MAX_ELEMENTS = 2048;

/**
 * Put the branch that is taken in the place of every `If`. TorchScript writes one for each Python `if` that it cannot
 * decide, as DeBERTa's "are there as many queries as keys": conditions on shapes, which come out the same for every
 * batch. Evaluated at several sizes with nothing known of the tokens, so a condition that depends on what a text says,
 * or turns at some length, is refused rather than guessed.
 *
 * @throws UnsupportedError GRAPH_LOOP for Loop and Scan, GRAPH_BRANCH for a condition that is not always the same.
 */
export const resolveBranches: Pass = {
  name: 'resolve-branches',
  does: 'Puts the branch that is taken in the place of every `If`.',
  needs: 'constants as tensors',
  guarantees: 'there are no branches and no loops',
  run: resolved,
};

/**
 * What a trial may end in: beyond the table of positions shapes no longer fit, what depends on tokens has none, and an
 * operator that is not known may stand in a part that is cut away. What follows from such a value is unknown at that
 * size; if it matters, the next pass that needs it says so.
 */
const EXPECTED: ReadonlySet<string> = new Set(['OPERATOR_SHAPE', 'OPERATOR_DYNAMIC_SHAPE', 'OPERATOR_UNKNOWN']);

const isExpected = (error: unknown): boolean => error instanceof HadamardError && EXPECTED.has(error.code);

function resolved(graph: Graph): Graph {
  const loop = graph.nodes.find(
    ({ op, domain }) => domain === '' && (op === 'Loop' || op === 'Scan' || op === 'SequenceMap'),
  );
  if (loop !== undefined) {
    throw new UnsupportedError(`The graph has a loop, ${operatorName(loop)} ${quote(loop.name)}`, {
      code: 'GRAPH_LOOP',
      found: 'a computation repeated as often as the data says',
      expected: 'the layers one after the other',
      hint: 'Export the encoder alone, without generation or recurrence.',
    });
  }
  if (!graph.nodes.some(isIf)) return graph;
  const fresh = freshNames(graph);
  const tensors = new Map(graph.tensors);
  const walks = SIZES.map((size) => startWalk(graph, size));
  const nodes: Node[] = [];
  const queue = graph.nodes.toReversed();
  for (let node = queue.pop(); node !== undefined; node = queue.pop()) {
    if (isIf(node)) {
      queue.push(...inline(node, branchTaken(node, walks, tensors), fresh, tensors).toReversed());
      continue;
    }
    nodes.push(node);
    for (const walk of walks) walk.visit(node, tensors);
  }
  return prune({ ...graph, nodes, tensors });
}

const isIf = ({ op, domain }: Node): boolean => op === 'If' && domain === '';

interface Walk {
  readonly size: (typeof SIZES)[number];
  value(name: string, tensors: ReadonlyMap<string, Tensor>): Fact | undefined;
  visit(node: Node, tensors: ReadonlyMap<string, Tensor>): void;
}

/**
 * Shapes at one size, node by node. A size that the model cannot take (more positions than it has) says nothing from
 * there on.
 */
function startWalk(graph: Graph, size: (typeof SIZES)[number]): Walk {
  const values = new Map<string, Fact>();
  for (const { name, dtype, dims } of graph.inputs) {
    values.set(name, {
      dtype,
      dims: dims.map((dim, axis) => (typeof dim === 'number' ? dim : axis === 0 ? size.batch : size.sequence)),
    });
  }
  const value: Walk['value'] = (name, tensors) => {
    const known = values.get(name);
    if (known !== undefined) return known;
    const tensor = tensors.get(name);
    if (tensor === undefined || tensor.dtype === 'string') return undefined;
    const read =
      elementCount(tensor.dims) <= MAX_ELEMENTS ? valueOfTensor(tensor) : { dtype: tensor.dtype, dims: tensor.dims };
    values.set(name, read);
    return read;
  };
  return {
    size,
    value,
    visit(node, tensors) {
      const inputs = node.inputs.map((name) => value(name, tensors));
      if (inputs.some((input, i) => input === undefined && node.inputs[i] !== '')) return;
      try {
        inferNode(node, inputs, { maxElements: MAX_ELEMENTS }).forEach((output, i) =>
          values.set(node.outputs[i] ?? '', output),
        );
      } catch (error) {
        if (!isExpected(error)) throw error;
      }
    },
  };
}

function branchTaken(node: Node, walks: readonly Walk[], tensors: ReadonlyMap<string, Tensor>): Graph {
  const [condition] = node.inputs;
  if (condition === undefined)
    throw new FormatError(`If ${quote(node.name)} has no condition`, {
      code: 'OPERATOR_INPUT',
      found: '0 inputs',
      expected: '1 input',
    });
  const seen = walks.flatMap((walk) => {
    const data = walk.value(condition, tensors)?.data;
    return data === undefined ? [] : [{ size: walk.size, taken: data[0] !== 0 }];
  });
  const [first] = seen;
  const other = seen.find(({ taken }) => taken !== first?.taken);
  if (first === undefined || other !== undefined) {
    throw new UnsupportedError(`The branch taken at If ${quote(node.name)} is not always the same`, {
      code: 'GRAPH_BRANCH',
      found:
        first === undefined || other === undefined
          ? `a condition, ${quote(condition)}, that depends on the tokens`
          : `a condition, ${quote(condition)}, that is ${first.taken} at length ${first.size.sequence} and ` +
            `${other.taken} at length ${other.size.sequence}`,
      expected: 'a condition on shapes that comes out the same at every size',
      hint: 'Export the model with the dynamo exporter, or trace it so that this branch is decided.',
    });
  }
  const branch = node.attributes[first.taken ? 'then_branch' : 'else_branch'];
  if (branch?.type === 'graph') return branch.value;
  throw new UnsupportedError(`If ${quote(node.name)} lacks a branch`, {
    code: 'GRAPH_BRANCH',
    found: Object.keys(node.attributes).join(', '),
    expected: 'then_branch and else_branch',
  });
}

/**
 * The nodes of `branch` under names of their own, ending in the outputs of `node`. Constants of the branch go into
 * `tensors`.
 */
function inline(node: Node, branch: Graph, fresh: FreshNames, tensors: Map<string, Tensor>): Node[] {
  const names = new Map<string, string>();
  const inner = (name: string): string => names.get(name) ?? name;
  const define = (name: string): void => void (name !== '' && names.set(name, fresh(name)));
  for (const [name, tensor] of branch.tensors) {
    define(name);
    tensors.set(inner(name), tensor);
  }
  for (const { outputs } of branch.nodes) outputs.forEach(define);
  const nodes: Node[] = [];
  for (const each of branch.nodes) {
    const constant = each.op === 'Constant' && each.domain === '' ? constantValue(each) : undefined;
    if (constant !== undefined) tensors.set(inner(each.outputs[0] as string), constant);
    else
      nodes.push({
        ...each,
        inputs: each.inputs.map(inner),
        outputs: each.outputs.map(inner),
        attributes: renamed(each, inner),
      });
  }
  branch.outputs.forEach(({ name }, i) => {
    const output = node.outputs[i] ?? '';
    if (output !== '')
      nodes.push({
        op: 'Identity',
        domain: '',
        name: `${node.name}/${output}`,
        inputs: [inner(name)],
        outputs: [output],
        attributes: {},
      });
  });
  return nodes;
}

/** Attributes of a node with the names that its own subgraphs capture from the branch renamed as well. */
function renamed(node: Node, inner: (name: string) => string): Node['attributes'] {
  if (!Object.values(node.attributes).some(({ type }) => type === 'graph')) return node.attributes;
  return Object.fromEntries(
    Object.entries(node.attributes).map(([key, attribute]) => [
      key,
      attribute.type === 'graph'
        ? { type: 'graph' as const, value: captureRenamed(attribute.value, inner) }
        : attribute,
    ]),
  );
}

function captureRenamed(graph: Graph, outer: (name: string) => string): Graph {
  const own = new Set([
    ...graph.tensors.keys(),
    ...graph.inputs.map(({ name }) => name),
    ...graph.nodes.flatMap(({ outputs }) => outputs),
  ]);
  const name = (value: string): string => (own.has(value) ? value : outer(value));
  return {
    ...graph,
    nodes: graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(name), attributes: renamed(node, name) })),
    outputs: graph.outputs.map((output) => ({ ...output, name: name(output.name) })),
  };
}
