import { FormatError } from '../errors.js';
import { operatorName, type Graph } from './graph.js';
import { quote } from './quote.js';
import { subgraphs } from './uses.js';

interface Scope {
  readonly names: ReadonlySet<string>;
  readonly outer: Scope | undefined;
}

/**
 * Checks, subgraphs included, that every value has exactly one definition (input, tensor or node output) and that
 * everything used is defined in the graph or in one around it. The order of the nodes is not looked at, see
 * `sortNodes`.
 *
 * @throws FormatError `ONNX_DUPLICATE_VALUE` or `ONNX_MISSING_VALUE`, naming the value.
 */
export function checkGraph(graph: Graph): void {
  check(graph, undefined);
}

function check(graph: Graph, outer: Scope | undefined): void {
  const names = new Set<string>();
  const define = (name: string): void => {
    if (names.has(name)) {
      throw new FormatError(`Value ${quote(name)} is defined twice`, {
        code: 'ONNX_DUPLICATE_VALUE',
        found: `two definitions in graph ${quote(graph.name)}`,
        expected: 'one',
      });
    }
    names.add(name);
  };
  for (const input of graph.inputs) define(input.name);
  for (const name of graph.tensors.keys()) define(name);
  for (const node of graph.nodes) for (const output of node.outputs) if (output !== '') define(output);

  const scope: Scope = { names, outer };
  for (const node of graph.nodes) {
    for (const input of node.inputs) {
      if (input !== '') demand(input, scope, () => `input of node ${quote(node.name)} (${operatorName(node)})`);
    }
    for (const inner of subgraphs(node)) check(inner, scope);
  }
  for (const output of graph.outputs) demand(output.name, scope, () => `output of graph ${quote(graph.name)}`);
}

function demand(name: string, scope: Scope, use: () => string): void {
  for (let at: Scope | undefined = scope; at !== undefined; at = at.outer) if (at.names.has(name)) return;
  throw new FormatError(`Nothing produces value ${quote(name)}`, {
    code: 'ONNX_MISSING_VALUE',
    found: `it as ${use()}`,
    expected: 'a graph input, an initializer or the output of a node',
  });
}
