import type { Builder } from '../builder/builder.js';
import type { Node } from '../ir/graph.js';
import type { View } from '../ir/view.js';
import type { Dim } from '../shapes/dim.js';
import type { Evaluated, Fact, Value } from '../shapes/fact.js';
import type { Tensor } from '../tensors/tensor.js';

/** What is known of the inputs of a node; undefined where an optional one is absent. */
export type Inputs = readonly (Fact | undefined)[];

/** Inputs with their elements; undefined where an optional one is absent. */
export type EvaluatedInputs = readonly (Evaluated | undefined)[];

/**
 * All that is known of one operator, in its form at opset 18. Each part is optional: without `gradient` nothing can be
 * trained through it, without `axes` it mixes all positions, and so on.
 */
export interface Operator {
  /** Its name with its domain, where that is not ONNX's own: see `operatorName`. */
  readonly name: string;
  /** The text that it follows. */
  readonly text: string;
  /** Types and shapes of the outputs. May read the elements of inputs (the target of Reshape). */
  readonly infer?: (node: Node, inputs: Inputs) => Fact[];
  /** Elements of the outputs, in float64; `outputs` come from `infer`. */
  readonly evaluate?: (node: Node, inputs: EvaluatedInputs, outputs: readonly Value[]) => Float64Array[];
  /**
   * What it does to elements that are dimensions: `moves` those of its first input (`moves all`: of every input) to
   * other places, which `evaluate` shows, or computes with those that broadcast to one place.
   */
  readonly symbols?: 'moves' | 'moves all' | ((...elements: readonly Dim[]) => Dim);
  /** Gradients of its inputs; `none` where outputs are constant almost everywhere. */
  readonly gradient?: GradientRule | 'none';
  /** How many outputs the gradient reads; an optional one that a graph does not have is added. */
  readonly saves?: number;
  readonly axes?: AxisRule;
  /** The node in its form at opset 18, from an older one. */
  readonly upgrade?: (node: Node, context: UpgradeContext) => Node;
  /** A fused operator written in the plain ones that it stands for. */
  readonly expand?: (node: Node, builder: Builder) => void;
  /** A form that the compiler uses, written in operators that every runtime has. */
  readonly lower?: (node: Node, builder: Builder, view: View) => void;
  /** Whether each element of the output is computed from those that broadcast to its place. */
  readonly isElementwise?: true;
  /** Whether the output has the elements of the first input, in another shape, order or type. */
  readonly rearranges?: true;
  /** Whether the output is the memory of the first input, under another shape. */
  readonly sharesMemory?: true;
  /** Whether it reads the shape of its input alone. */
  readonly readsShapeOnly?: true;
  /** Whether it is a norm: scale in input 1, shift in input 2 where it has one. */
  readonly isNorm?: true;
  /** Whether it multiplies matrices: what costs most of a step. */
  readonly isProduct?: true;
  /** Whether an expensive stretch may end here, so that its output is worth keeping instead of its inputs. */
  readonly isWorthKeeping?: true;
}

/** What a gradient rule is told about one node. */
export interface RuleContext {
  readonly node: Node;
  readonly builder: Builder;
  /** Gradient of the loss with respect to each output; undefined where none arrives. */
  readonly upstream: readonly (string | undefined)[];
  /** Whether the gradient of input `i` is wanted; a rule may emit nothing for the others. */
  wants(input: number): boolean;
}

/**
 * Vector–Jacobian product of one operator: emits nodes and answers the gradient for each input, of that input's shape;
 * undefined for inputs that are not wanted.
 */
export type GradientRule = (context: RuleContext) => readonly (string | undefined)[];

/** What a rule about axes is told. */
export interface AxisContext {
  readonly node: Node;
  /** An axis of the first output. */
  readonly axis: number;
  dims(value: string): readonly Dim[] | undefined;
  constant(value: string | undefined): Tensor | undefined;
}

/**
 * For each input of a node the axis along which a position of it is all that the same position of the output, along
 * `axis`, depends on; undefined for an input that is needed as a whole. Undefined for a node that mixes positions.
 */
export type AxisRule = (context: AxisContext) => readonly (number | undefined)[] | undefined;

export interface UpgradeContext {
  /** The opset that the node was written for, below 18. */
  readonly opset: number;
  /** Dimensions of a value, where they are known. */
  rank(value: string | undefined): number | undefined;
  /** A constant under a name of its own. */
  constant(stem: string, tensor: Tensor): string;
}
