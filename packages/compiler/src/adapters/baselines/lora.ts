import { INTERNAL_DOMAIN, int, type Graph, type Node, makeNode, float32Tensor } from '@hadamard-adapter/graph/internal';
import { parameterInput, type Parameter } from '../parameters.js';
import type { Insertion } from '../insert.js';

/** A linear layer that gets an update of low rank. */
export interface LoraTarget {
  /** Start of the names of its parameters. */
  readonly name: string;
  readonly node: Node;
  readonly inputs: number;
  readonly outputs: number;
}

/**
 * LoRA (Hu et al., arXiv 2106.09685, section 4.1): y = x·Wᵀ + c + (α / r)·(x·Aᵀ)·Bᵀ, A of [r, inputs] random and B of
 * [outputs, r] zero at first. A starts with the deviation of Kaiming's uniform distribution with slope √5, as PEFT and
 * PyTorch's linear layers do.
 */
export function insertLora(graph: Graph, targets: readonly LoraTarget[], rank: number, alpha: number): Insertion {
  const factor = 'lora.factor';
  const updates = new Map<string, LoraTarget>();
  const parameters: Parameter[] = [];
  for (const target of targets) {
    const { name, node, inputs, outputs } = target;
    updates.set(node.outputs[0] as string, target);
    parameters.push(
      {
        name: `${name}.lora_A.weight`,
        group: 'adapter',
        shape: [rank, inputs],
        initial: { deviation: 1 / Math.sqrt(3 * inputs) },
      },
      { name: `${name}.lora_B.weight`, group: 'adapter', shape: [outputs, rank], initial: { fill: 0 } },
    );
  }
  const linear = (x: string, weight: string, output: string): Node =>
    makeNode('Linear', [x, weight], [output], { transB: int(1) }, { domain: INTERNAL_DOMAIN });
  const updated = (value: string): string => `${value}_updated`;
  const nodes = graph.nodes.flatMap((node): Node[] => {
    const inputs = node.inputs.map((input) => (updates.has(input) ? updated(input) : input));
    const own = inputs.every((input, i) => input === node.inputs[i]) ? node : { ...node, inputs };
    const target = updates.get(node.outputs[0] as string);
    if (target === undefined) return [own];
    const { name } = target;
    const output = node.outputs[0] as string;
    return [
      own,
      linear(own.inputs[0] as string, `${name}.lora_A.weight`, `${output}_low`),
      linear(`${output}_low`, `${name}.lora_B.weight`, `${output}_update`),
      makeNode('Mul', [`${output}_update`, factor], [`${output}_scaled`]),
      makeNode('Add', [output, `${output}_scaled`], [updated(output)]),
    ];
  });
  return {
    graph: {
      ...graph,
      inputs: [...graph.inputs, ...parameters.map(parameterInput)],
      tensors: new Map([...graph.tensors, [factor, float32Tensor([alpha / rank], [])]]),
      nodes,
    },
    parameters,
  };
}
