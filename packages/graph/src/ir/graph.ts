import type { DataType, Tensor } from '../tensors/tensor.js';

/**
 * An attribute with the type that ONNX writes it under. Int64 values beyond ±2⁵³ are clamped: they only occur as "to
 * the end".
 */
export type Attribute =
  | { readonly type: 'int'; readonly value: number }
  | { readonly type: 'float'; readonly value: number }
  | { readonly type: 'string'; readonly value: string }
  | { readonly type: 'ints'; readonly value: readonly number[] }
  | { readonly type: 'floats'; readonly value: readonly number[] }
  | { readonly type: 'strings'; readonly value: readonly string[] }
  | { readonly type: 'tensor'; readonly value: Tensor }
  | { readonly type: 'graph'; readonly value: Graph };

export type Attributes = Readonly<Record<string, Attribute>>;

/** One operation. Values are named by strings, as in ONNX; an absent optional input or output is the empty string. */
export interface Node {
  readonly op: string;
  /** Empty for standard ONNX operators. */
  readonly domain: string;
  /** For messages only: nothing is ever found by it. */
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}

/** Name, element type and shape of a graph input or output; a string is a dimension known only at run time. */
export interface ValueInfo {
  readonly name: string;
  readonly dtype: DataType;
  /** An unnamed run-time dimension is the empty string. */
  readonly dims: readonly (number | string)[];
  /**
   * What the file leaves open, as it may inside subgraphs: with `shape`, `dims` is empty and means nothing (not even a
   * scalar); with `type`, neither does `dtype`.
   */
  readonly unknown?: 'shape' | 'type';
}

/**
 * A computation. Nodes are in topological order; every pass takes a graph and returns a new one that shares the
 * tensors.
 */
export interface Graph {
  readonly name: string;
  /** Operator-set version by domain; the empty domain is standard ONNX. */
  readonly opsets: ReadonlyMap<string, number>;
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  readonly nodes: readonly Node[];
  /** Initializers by name. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

export const int = (value: number): Attribute => ({ type: 'int', value });
export const float = (value: number): Attribute => ({ type: 'float', value });
export const ints = (value: readonly number[]): Attribute => ({ type: 'ints', value });
export const string = (value: string): Attribute => ({ type: 'string', value });

/** Domain of the operators that exist only between reading and writing, see `lower`. */
export const INTERNAL_DOMAIN = 'hadamard';

/** The attribute `name` as an integer, or `fallback` when it is absent. */
export function intAttribute(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes[name];
  return attribute?.type === 'int' ? attribute.value : fallback;
}

/** The attribute `name` as a float, or `fallback` when it is absent. */
export function floatAttribute(node: Node, name: string, fallback: number): number {
  const attribute = node.attributes[name];
  return attribute?.type === 'float' ? attribute.value : fallback;
}

/** The attribute `name` as integers, or undefined when it is absent. */
export function intsAttribute(node: Node, name: string): readonly number[] | undefined {
  const attribute = node.attributes[name];
  return attribute?.type === 'ints' ? attribute.value : undefined;
}

/** The attribute `name` as a string, or `fallback` when it is absent. */
export function stringAttribute(node: Node, name: string, fallback: string): string {
  const attribute = node.attributes[name];
  return attribute?.type === 'string' ? attribute.value : fallback;
}

/** `Gelu`, or `com.microsoft:Gelu` outside the standard domain: how messages and tables name an operator. */
export function operatorName(node: Pick<Node, 'op' | 'domain'>): string {
  return node.domain === '' ? node.op : `${node.domain}:${node.op}`;
}
