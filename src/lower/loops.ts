/**
 * Lowered programs: what one tile of rows does, as a list of stages over named buffers. All CPU and GPU targets print these.
 *
 * A lane is a row. A "tile" buffer holds `cells` values of every row of the tile, cell-major: cell e of lane r lies at
 * e · tileRows + r. A "bound" buffer holds plain numbers known when weights are bound, the same for all lanes.
 * Expressions are lane-wise DAGs (shared objects are computed once); indices are affine in the loop axes.
 */

import type { BinaryOp, Cell, CompareOp, LogicOp, Node, ReduceOp, RowSumNode, UnaryOp } from "../ir/types.ts";
import type { Dtype } from "./lanes.ts";

/**
 * A buffer of a lowered program. Bound ones are the values of `source` (row-major), evaluated at bind; a "sum" buffer holds
 * running sums over rows, one vector of lanes or one number per cell, and outlives tiles.
 */
export type Buffer =
  | {
      readonly id: number;
      readonly space: "tile" | "sum";
      readonly cells: number;
      readonly cell: Cell;
      readonly name: string;
    }
  | {
      readonly id: number;
      readonly space: "bound";
      readonly cells: number;
      readonly cell: Cell;
      readonly name: string;
      readonly source: Node;
    };

/** A loop axis of a stage. */
export interface Axis {
  readonly id: number;
  readonly size: number;
}

/** offset + Σ axis · stride (in cells); each `indirect` adds stride · table[index], with table a bound int buffer. */
export interface Index {
  readonly offset: number;
  readonly terms: readonly { readonly axis: Axis; readonly stride: number }[];
  readonly indirect?: readonly { readonly table: Buffer; readonly index: Index; readonly stride: number }[];
}

/** One cell of a buffer. */
export interface Access {
  readonly buffer: Buffer;
  readonly index: Index;
}

/** Lane expressions. `elementwise` ops are the row program's own names. */
export type Expr =
  | { readonly op: "load"; readonly access: Access }
  | { readonly op: "literal"; readonly value: number; readonly cell: Cell }
  /** scale · axis + offset, as int. */
  | { readonly op: "axis"; readonly axis: Axis; readonly scale: number; readonly offset: number }
  | { readonly op: "accumulator"; readonly index: number; readonly cell: Cell }
  /** `cell` is what the arguments hold; comparisons give bool, all others the arguments' cell. */
  | {
      readonly op: "elementwise";
      readonly name: ElementwiseOp;
      readonly cell: Cell;
      readonly args: readonly Expr[];
    }
  | { readonly op: "select"; readonly condition: Expr; readonly a: Expr; readonly b: Expr }
  | { readonly op: "convert"; readonly a: Expr; readonly from: Cell; readonly to: Cell };

/** The row program's elementwise names, and the stable functions that have kernels of their own; multiplyAdd(a, b, c) = a·b + c, subtractProduct(a, b, c) = c − a·b. */
export type ElementwiseOp =
  | UnaryOp
  | BinaryOp
  | CompareOp
  | LogicOp
  | "not"
  | "sigmoid"
  | "softplus"
  | "multiplyAdd"
  | "subtractProduct";

/** A value and where it goes. */
export interface Store {
  readonly access: Access;
  readonly value: Expr;
}

/**
 * For every point of `axes` and every lane: fold `reduce` (if any) over its axes, then evaluate and store.
 * A point never reads what another point of the same nest writes, unless the nest is `ordered`: then points run one
 * after the other, the last axis fastest (a scatter that adds to its own buffer).
 */
export interface Nest {
  readonly kind: "nest";
  readonly ordered?: true;
  readonly axes: readonly Axis[];
  /** accumulator i starts at the op's unit and folds term over the reduce axes. */
  readonly reduce?: {
    readonly axes: readonly Axis[];
    readonly folds: readonly { readonly op: ReduceOp; readonly term: Expr }[];
  };
  readonly stores: readonly Store[];
}

/**
 * acc[batch, m, n] = Σ_k a[batch, m, k] · b[batch, k, n], then `stores` with accumulator 0 = acc.
 * `b` is always a tile buffer; `a` is bound (weights: broadcast scalars) or tile. No axis of m occurs in b, none of n in a.
 */
export interface Product {
  readonly kind: "product";
  readonly batch: readonly Axis[];
  readonly m: readonly Axis[];
  readonly n: readonly Axis[];
  readonly k: readonly Axis[];
  readonly a: Access;
  readonly b: Access;
  readonly stores: readonly Store[];
}

/**
 * Straight-line code: no loops, indices are constant offsets; at most about 1500 expression nodes. No value depends on a
 * store of the same stage, so each store may follow right after its value; their order is made for few live values.
 */
export interface Straight {
  readonly kind: "straight";
  readonly stores: readonly Store[];
}

/**
 * into[batch, m, n] += Σ_rows Σ_k a[batch, m, k] · b[batch, k, n], or Σ_rows a where there is no b. Lane l of a vector adds rows
 * l, l + width, … in order, or one number all of them, whatever the tile; rows past the last add nothing, not even NaN. `a` and `b` are tile buffers. There are no stores.
 */
export interface Sum {
  readonly kind: "sum";
  readonly batch: readonly Axis[];
  readonly m: readonly Axis[];
  readonly n: readonly Axis[];
  readonly k: readonly Axis[];
  readonly a: Access;
  readonly b?: Access;
  readonly into: Access;
  readonly stores: readonly Store[];
}

/** One set of loops, or straight code. */
export type Leaf = Nest | Product | Straight | Sum;

/**
 * `stages` in order, for every value of `axis`, one after the other: indices inside may depend on the axis. What one step hands
 * to the next lies in buffers that are filled before the first.
 */
export interface Repeat {
  readonly kind: "repeat";
  readonly axis: Axis;
  readonly stages: readonly Stage[];
}

/** What a program is made of. */
export type Stage = Leaf | Repeat;

/** How many points the axes have. */
export function pointsOf(axes: readonly Axis[]): number {
  return axes.reduce((points, { size }) => points * size, 1);
}

/** The longest axis, the first of equals. */
export function longestOf(axes: readonly Axis[]): Axis | undefined {
  return axes.reduce<Axis | undefined>(
    (best, axis) => (best === undefined || axis.size > best.size ? axis : best),
    undefined,
  );
}

/** The stages that do the work, inside repetitions too, in order. */
export function leavesOf(stages: readonly Stage[]): Leaf[] {
  return stages.flatMap((stage) => (stage.kind === "repeat" ? leavesOf(stage.stages) : [stage]));
}

/** A sum over rows: the node of the program and where its running sums are. */
export interface RowSum {
  readonly source: RowSumNode;
  readonly buffer: Buffer;
  /** Only the upper triangle of blocks is held. */
  readonly symmetric?: Symmetric;
}

/** A square result of which cell (i, j) stands for (j, i) too: blocks of cells below the diagonal are not held. */
export interface Symmetric {
  readonly size: number;
  readonly block: number;
}

/** A row input or an output of the program: which tile buffer holds it. Cells are row-major within a row. */
export interface Port {
  readonly name: string;
  readonly buffer: Buffer;
  /** The buffer holds one of so many slices of a row, of which the last stage, a loop, makes one after another. */
  readonly slices?: number;
}

/** The loops that make an output slice by slice, outermost first: what each runs before the next. None where no output is so made. */
export function sliceLoops({ stages, outputs }: Pick<Lowered, "stages" | "outputs">): readonly Repeat[] {
  const last = stages.at(-1);
  if (last?.kind !== "repeat" || outputs.every(({ slices }) => slices === undefined)) return [];
  const inner = last.stages.at(-1);
  return inner?.kind === "repeat" ? [{ ...last, stages: last.stages.slice(0, -1) }, inner] : [last];
}

/** Cells of a port's row. */
export function rowCells({ buffer, slices = 1 }: Port): number {
  return buffer.cells * slices;
}

/** A whole program, ready to be printed. */
export interface Lowered {
  readonly name: string;
  readonly dtype: Dtype;
  /** Row inputs, in program order (shared inputs are among the bound buffers' sources). */
  readonly inputs: readonly Port[];
  /** Outputs with a row axis, in program order; those known after all rows are no part of a lowered program. */
  readonly outputs: readonly Port[];
  readonly sums: readonly RowSum[];
  readonly buffers: readonly Buffer[];
  /** Where each tile or sum buffer's storage starts, in cells: tile buffers whose lives do not overlap share it. */
  readonly placement: ReadonlyMap<Buffer, number>;
  /** Cells of scratch one lane needs. */
  readonly scratchCells: number;
  readonly stages: readonly Stage[];
}
