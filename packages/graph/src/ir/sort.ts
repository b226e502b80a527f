import { FormatError } from '../errors.js';
import { operatorName, type Graph, type Node } from './graph.js';
import { quote } from './quote.js';
import { usedValues } from './uses.js';

/** `graph` with its nodes in topological order, see {@link sortNodes}. */
export function sortGraph(graph: Graph): Graph {
  const nodes = sortNodes(graph.nodes);
  return nodes === graph.nodes ? graph : { ...graph, nodes };
}

/**
 * Nodes in topological order, where values captured by subgraphs count as uses. A node moves only if something it needs
 * comes later, so sorted nodes come back as they are. Values that none of the nodes produces are taken to be there from
 * the start.
 *
 * @throws FormatError `ONNX_CYCLE` naming a value that depends on itself, `ONNX_DUPLICATE_VALUE` naming one that two
 *   nodes produce.
 */
export function sortNodes(nodes: readonly Node[]): readonly Node[] {
  const producer = producers(nodes);
  const state = new Uint8Array(nodes.length);
  const sorted: Node[] = [];
  const path: Visit[] = [];
  let moved = false;

  const enter = (index: number, node: Node): void => {
    state[index] = OPEN;
    path.push({ index, node, needs: usedValues(node).values() });
  };

  nodes.forEach((start, startIndex) => {
    if (state[startIndex] === NEW) enter(startIndex, start);
    // Depth first without recursion: a chain of nodes may be longer than the stack is deep.
    for (let visit = path.at(-1); visit !== undefined; visit = path.at(-1)) {
      const next = visit.needs.next();
      if (next.done === true) {
        if (visit.index !== sorted.length) moved = true;
        state[visit.index] = DONE;
        sorted.push(visit.node);
        path.pop();
        continue;
      }
      const index = producer.get(next.value);
      if (index === undefined || state[index] === DONE) continue;
      if (state[index] === OPEN) {
        throw new FormatError(`Value ${quote(next.value)} depends on itself`, {
          code: 'ONNX_CYCLE',
          found: `a cycle through node ${quote(visit.node.name)} (${operatorName(visit.node)})`,
          expected: 'a graph without cycles',
        });
      }
      const node = nodes[index];
      if (node !== undefined) enter(index, node);
    }
  });
  return moved ? sorted : nodes;
}

const NEW = 0;
const OPEN = 1;
const DONE = 2;

interface Visit {
  readonly index: number;
  readonly node: Node;
  readonly needs: Iterator<string>;
}

function producers(nodes: readonly Node[]): Map<string, number> {
  const producer = new Map<string, number>();
  nodes.forEach((node, index) => {
    for (const output of node.outputs) {
      if (output === '') continue;
      if (producer.has(output)) {
        throw new FormatError(`Value ${quote(output)} is produced twice`, {
          code: 'ONNX_DUPLICATE_VALUE',
          found: `another node ${quote(node.name)} (${operatorName(node)}) with this output`,
          expected: 'one producer for every value',
        });
      }
      producer.set(output, index);
    }
  });
  return producer;
}
