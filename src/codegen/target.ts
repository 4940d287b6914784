/**
 * What a printer must offer: one function under construction, as the shared emitter sees it.
 *
 * `V` is a vector of lanes, `I` an integer (a byte address or a counter). Calls write code in the order they are
 * made; values are named once and may be used any number of times within the loops where they were made.
 */

import type { Lanes } from "../lower/lanes.ts";

/** What int lanes can do. */
export type IntegerOp =
  | "neg"
  | "abs"
  | "sign"
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "mod"
  | "min"
  | "max"
  | "lt"
  | "le"
  | "eq"
  | "ne";

/** A place that can be assigned; what `get` gives holds until the next `set`. */
export interface Variable<T> {
  get(): T;
  set(value: T): void;
}

/** Bounds of a counting loop: i = from, from + step, … while i + step ≤ to. */
export interface Bounds<I> {
  readonly from: I;
  readonly to: I;
  readonly step: number;
}

/** Register blocks of products: rows of weights side by side, running sums in all, vectors wanted per weight. */
export interface Blocking {
  readonly rows: number;
  /** Fewer rows take as long as this many: their sums wait for each other. Default: `rows`. */
  readonly leastRows?: number;
  readonly sums: number;
  readonly vectors: number;
  /** Bytes of b that a block may run through, so that the next block finds them near; default: any. */
  readonly operandBytes?: number;
}

/** Cells that lanes come from or go to: bytes from one to the next (0: one cell in every lane), and how many lanes count. */
export interface CellStrip {
  readonly stride: number;
  readonly lanes: number;
}

/** A function being written. Addresses are bytes; an access touches `address + offset`. */
export interface Target<V, I> {
  readonly lanes: Lanes<V>;
  /** Lanes of one vector. */
  readonly width: number;
  /** Vectors that fit in registers at the same time. */
  readonly registers: number;
  readonly blocking: Blocking;

  int(value: number): I;
  plus(a: I, b: I): I;
  times(a: I, factor: number): I;
  /** A 32-bit integer in memory that no store of this function changes. */
  loadInt(address: I, offset: number): I;
  /** An integer in every lane. */
  splatInt(value: I): V;
  /** 0, 1, 2, …: lane by lane, as ints. */
  laneNumbers(): V;

  load(address: I, offset: number): V;
  /** One cell in every lane: by default a bound one, which no store of this function changes. */
  splat(address: I, offset: number, space?: "tile" | "bound"): V;
  /** Asks for a line of bound cells, or of what lies after them. */
  prefetch?(address: I, offset: number): void;
  store(address: I, offset: number, value: V): void;
  /** Lanes from cells of the scratch or of the bound ones; those past the last may hold anything. */
  spread(address: I, offset: number, cells: CellStrip & { readonly space: "tile" | "bound" }): V;
  /** The first lanes to cells of the scratch. */
  scatter(address: I, value: V, cells: CellStrip & { readonly offset: number }): void;

  /** As many vectors as they have lanes: lane i of vector j becomes lane j of vector i. */
  transpose(rows: readonly V[]): readonly V[];

  variable(initial: V): Variable<V>;
  counter(initial: I): Variable<I>;
  /** Runs body for each i; gives the first i that was not run. */
  loop(bounds: Bounds<I>, body: (i: I) => void): I;

  /** Writes a formula in place, for targets that put rare paths out of line: those are then written once per name. */
  inline?(name: string, values: readonly V[], make: (params: readonly V[]) => V): V;
  /** Calls the function `name(values)` of one vector result, made by `make` when first asked for. */
  call(name: string, values: readonly V[], make: (params: readonly V[]) => V): V;
  /** Int lanes to float lanes, and back by truncation. */
  intToFloat(value: V): V;
  floatToInt(value: V): V;
  /** An operation on int lanes; comparisons give masks, mod and div round down. */
  integer(op: IntegerOp, operands: readonly V[]): V;
}
