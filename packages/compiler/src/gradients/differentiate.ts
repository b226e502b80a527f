import { UnsupportedError } from '@hadamard-adapter/core';
import {
  operatorName,
  type Graph,
  type Node,
  builderOn,
  type Builder,
  operatorOf,
  type GradientRule,
} from '@hadamard-adapter/graph/internal';

export interface Differentiated {
  readonly builder: Builder;
  /** Gradient of the loss by the name of what it is taken with respect to. */
  readonly gradients: ReadonlyMap<string, string>;
  /** Gradient of the loss by every forward value that it was needed for. */
  readonly all: ReadonlyMap<string, string>;
  /** Values of the forward pass. */
  readonly forward: ReadonlySet<string>;
}

/**
 * Reverse-mode differentiation: extend `graph` by the gradients of the scalar `loss` with respect to the values
 * `targets`. Walks the nodes backwards once, visits only those between a target and the loss, and asks each rule only
 * for gradients that lead to a target, so that the backward pass stops at the lowest of them.
 *
 * @throws UnsupportedError GRADIENT_RULE for an operator on the way that has no rule; GRADIENT_UNREACHED for a target
 *   the loss does not depend on.
 */
export function differentiate(graph: Graph, loss: string, targets: readonly string[]): Differentiated {
  const saved = saveOutputs(graph);
  const builder = builderOn(saved);
  const reached = dependents(saved.nodes, targets);
  const contributions = new Map<string, string>([[loss, builder.scalar(1)]]);

  for (const node of saved.nodes.toReversed()) {
    const upstream = node.outputs.map((output) => contributions.get(output));
    if (!node.outputs.some((output) => reached.has(output)) || upstream.every((gradient) => gradient === undefined))
      continue;
    const wants = (input: number): boolean => reached.has(node.inputs[input] ?? '');
    const results = ruleFor(node)({ node, builder, upstream, wants });
    results.forEach((gradient, i) => {
      const input = node.inputs[i];
      if (gradient === undefined || input === undefined || !wants(i)) return;
      const sofar = contributions.get(input);
      contributions.set(input, sofar === undefined ? gradient : builder.emit('Add', [sofar, gradient]));
    });
  }

  const gradients = new Map<string, string>();
  for (const target of targets) {
    const gradient = contributions.get(target);
    if (gradient === undefined) {
      throw new UnsupportedError(`The loss does not depend on "${target}"`, {
        code: 'GRADIENT_UNREACHED',
        hint: 'Leave it out of what is trained.',
      });
    }
    gradients.set(target, gradient);
  }
  return {
    builder,
    gradients,
    all: contributions,
    forward: new Set(saved.nodes.flatMap(({ outputs }) => outputs.filter((output) => output !== ''))),
  };
}

/** Every value that depends on a target, targets included; shapes and comparisons carry no gradient and end the way. */
function dependents(nodes: readonly Node[], targets: readonly string[]): Set<string> {
  const reached = new Set(targets);
  for (const node of nodes) {
    if (operatorOf(node).gradient === 'none' || !node.inputs.some((input) => reached.has(input))) continue;
    for (const output of node.outputs) if (output !== '') reached.add(output);
  }
  return reached;
}

function ruleFor(node: Node): GradientRule {
  const rule = operatorOf(node).gradient;
  if (typeof rule === 'function') return rule;
  throw new UnsupportedError(
    `There is no gradient rule for ${operatorName(node)}, which lies between a trained tensor and the loss`,
    {
      code: 'GRADIENT_RULE',
      found: `node "${node.name}" (${node.inputs.join(', ')} → ${node.outputs.join(', ')})`,
      hint: 'Train layers above it only, or add a rule to its entry in packages/graph/src/operators.',
    },
  );
}

/** Name the optional outputs that rules read; those that stay unused are dropped again when the graph is lowered. */
function saveOutputs(graph: Graph): Graph {
  return {
    ...graph,
    nodes: graph.nodes.map((node) => {
      const count = operatorOf(node).saves ?? 0;
      if (node.outputs.length >= count) return node;
      const more = Array.from(
        { length: count - node.outputs.length },
        (_, i) => `${node.outputs[0]}_saved_${node.outputs.length + i}`,
      );
      return { ...node, outputs: [...node.outputs, ...more] };
    }),
  };
}
