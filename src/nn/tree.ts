/**
 * Parameter trees: plain nests of arrays and objects whose leaves are numbers with a shape.
 *
 * In: a tree. Out: its leaves in a fixed order, named by their paths as PyTorch names them (`0.weight`), and other
 * trees of the same structure. Always: order and names depend on the tree's keys alone.
 */

import { UsageError } from "../errors.ts";
import type { Operand } from "../trace/operand.ts";
import type { Tensor } from "../trace/shapes.ts";
import { flatten, type Leaf, type Structure, unflatten } from "../trace/structure.ts";

/** Floats of a parameter. */
export type ParameterData = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** Numbers that training changes, row-major. */
export interface Parameter {
  readonly data: ParameterData;
  readonly shape: readonly number[];
}

/** A nest of parameters. */
export type ParameterTree = Parameter | readonly ParameterTree[] | { readonly [name: string]: ParameterTree };

/** A nest of anything. */
export type NestOf<L> = L | readonly NestOf<L>[] | { readonly [name: string]: NestOf<L> };

/** The same nest with another kind of leaf. */
export type TreeOf<P, L> = ParameterTree extends P
  ? NestOf<L>
  : P extends Parameter
    ? L
    : P extends readonly unknown[]
      ? { readonly [K in keyof P]: TreeOf<P[K], L> }
      : { readonly [K in keyof P]: TreeOf<P[K], L> };

/** A tree of traced values: what a loss computes with. */
export type Traced<P> = TreeOf<P, Tensor>;

/** A nest of anything an operation accepts: traced values, or the parameters themselves as constants. */
export type OperandTree = Operand | readonly OperandTree[] | { readonly [name: string]: OperandTree };

/** A tree taken apart. */
export interface FlatTree {
  readonly leaves: readonly Leaf<Parameter>[];
  readonly structure: Structure;
}

/** Takes a tree apart. */
export function flattenTree(tree: ParameterTree): FlatTree {
  return flatten(tree, {
    isLeaf: isParameter,
    root: "parameter",
    refuse: (_, path) =>
      new UsageError(
        "JR801",
        `${path || "the tree"} is not a parameter { data, shape }, an array or an object`,
      ),
  });
}

/** The same nest with other parameters. */
export function mapTree<P extends ParameterTree>(tree: P, leaf: (parameter: Parameter) => Parameter): P {
  const { leaves, structure } = flattenTree(tree);
  return unflatten(structure, (index) => leaf((leaves[index] as Leaf<Parameter>).value)) as P;
}

/** A copy with data of its own. */
export function copyTree<P extends ParameterTree>(tree: P): P {
  return mapTree(tree, ({ data, shape }) => ({ data: data.slice(), shape }));
}

/** The width of a tree's numbers: one for all, which is that of the arithmetic with them. */
export function widthOf({ leaves }: FlatTree): "f32" | "f64" {
  const single = leaves.filter(({ value }) => value.data instanceof Float32Array).length;
  if (single === 0) return "f64";
  if (single === leaves.length) return "f32";
  throw new UsageError(
    "JR808",
    "some parameters are Float32Array and some Float64Array: make them all of one type",
  );
}

/** How many numbers a tree holds. */
export function countParameters(tree: ParameterTree): number {
  return flattenTree(tree).leaves.reduce((sum, { value }) => sum + value.data.length, 0);
}

function isParameter(value: unknown): value is Parameter {
  return typeof value === "object" && value !== null && "data" in value && ArrayBuffer.isView(value.data);
}
