import type { Attributes, Node } from '../../ir/graph.js';
import type { Tensor } from '../../tensors/tensor.js';
import type { FreshNames } from '../../ir/names.js';
import { makeNode } from '../../ir/rewrite.js';
import { float32Tensor, int64Tensor } from '../../tensors/elements.js';
import type { View } from '../../ir/view.js';

/** Collects what stands in the place of one fused node. */
export interface Expansion {
  readonly view: View;
  /** Add a node; answers its first output. The name of an output is made up from the operator unless given. */
  emit(op: string, inputs: readonly string[], attributes?: Attributes, outputs?: string | readonly string[]): string;
  ints(values: readonly number[]): string;
  scalar(value: number): string;
  tensor(stem: string, tensor: Tensor): string;
  /** Compute something once for the whole graph: what `make` answered for the same key before is answered again. */
  once(key: string, make: () => string): string;
  readonly nodes: readonly Node[];
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** @param shared what `once` remembers from one node to the next. */
export function startExpansion(node: Node, view: View, fresh: FreshNames, shared: Map<string, string>): Expansion {
  const nodes: Node[] = [];
  const tensors = new Map<string, Tensor>();
  const tensor = (stem: string, value: Tensor): string => {
    const name = fresh(stem);
    tensors.set(name, value);
    return name;
  };
  return {
    view,
    nodes,
    tensors,
    emit(op, inputs, attributes = {}, given = fresh(`${node.outputs[0]}/${op}`)) {
      const outputs = typeof given === 'string' ? [given] : given;
      const [first = op] = outputs;
      nodes.push(makeNode(op, inputs, outputs, attributes));
      return first;
    },
    ints: (values) => tensor('expanded_ints', int64Tensor(values, [values.length])),
    scalar: (value) => tensor('expanded_scalar', float32Tensor([value], [])),
    tensor,
    once(key, make) {
      const known = shared.get(key) ?? make();
      shared.set(key, known);
      return known;
    },
  };
}
