/**
 * Evaluates lane expressions on a target, each shared object once per copy.
 *
 * A copy is one vector of an unrolled block: its shifts along axes and its lane offset. Cells decide which
 * arithmetic an operation means; bools are masks, ints have the float's width.
 */

import { invariant } from "../errors.ts";
import { isUniform } from "../lower/accesses.ts";
import { costOf } from "../lower/costs.ts";
import { expressionsOf, partsOf } from "../lower/intern.ts";
import type { TableLanes } from "../lower/lanes.ts";
import type { Access, Axis, Expr, Store } from "../lower/loops.ts";
import { applyElementwise, isElementary, steadyFormula } from "./elementwise.ts";
import type { Address, Pointers, Shifts } from "./pointers.ts";
import type { IntegerOp, Target } from "./target.ts";

/** Vectors whose functions are written by turns: their intermediate values have to stay in registers. */
const MOST_TOGETHER = 2;

/** One vector of a block. */
export interface Copy<V> {
  readonly shifts: Shifts;
  /** Bytes from the block's first lane. */
  readonly laneOffset: number;
  readonly accumulators: readonly V[];
}

/** How cells become lanes and lanes cells. */
export interface Cells<V, I> {
  load(access: Access, address: Address<I>): V;
  store(access: Access, address: Address<I>, value: V): void;
  /** Places along the axis in the lanes, from the first one's; default: lanes share it. */
  places?(axis: Axis, scale: number, first: V): V;
}

/** Lanes are rows: a tile holds a cell of all of them side by side, a bound cell is the same for all. */
function rowCells<V, I>(target: Target<V, I>): Cells<V, I> {
  return {
    load: ({ buffer }, { at, offset }) =>
      buffer.space === "bound" ? target.splat(at, offset) : target.load(at, offset),
    store: (_, { at, offset }, value) => target.store(at, offset, value),
  };
}

type Operation<O extends Expr["op"]> = Extract<Expr, { op: O }>;

/** About how many instructions the expressions become, shared ones counted once. */
export function weightOf(exprs: readonly Expr[]): number {
  return exprs.reduce((sum, expr) => sum + (expr.op === "elementwise" ? costOf(expr.name) : 1), 0);
}

/** Evaluates expressions and stores them. */
export class Evaluator<V, I> {
  readonly #target: Target<V, I>;
  readonly #pointers: Pointers<V, I>;
  readonly #inline: boolean;
  readonly #cells: Cells<V, I>;

  /** `inline`: write elementary functions in place rather than calling them; `cells`: lanes are rows by default. */
  constructor(
    target: Target<V, I>,
    pointers: Pointers<V, I>,
    { inline, cells = rowCells(target) }: { inline: boolean; cells?: Cells<V, I> },
  ) {
    this.#target = target;
    this.#pointers = pointers;
    this.#inline = inline;
    this.#cells = cells;
  }

  /** The values of expressions for one copy. */
  values(exprs: readonly Expr[], copy: Copy<V>): V[] {
    const memo = new Map<Expr, V>();
    return exprs.map((expr) => this.#value(expr, copy, memo));
  }

  /** Copies to evaluate by turns: those whose functions have no rare paths, so many as registers hold. */
  groups(copies: readonly Copy<V>[]): Copy<V>[][] {
    const size = this.#target.lanes.byTurns === undefined ? 1 : MOST_TOGETHER;
    return Array.from({ length: Math.ceil(copies.length / size) }, (_, index) =>
      copies.slice(index * size, (index + 1) * size),
    );
  }

  /** The values of expressions for a group of copies. */
  valuesOfAll(exprs: readonly Expr[], copies: readonly Copy<V>[]): V[][] {
    const memos = copies.map(() => new Map<Expr, V>());
    return copies.map((_, index) => exprs.map((expr) => this.#together(expr, copies, memos)[index] as V));
  }

  /** `storeAll` for several copies, where no value reads what is stored by turns. */
  storeEach(stores: readonly Store[], copies: readonly Copy<V>[]): void {
    for (const group of this.groups(copies)) {
      if (group.length === 1 || readsStored(stores)) for (const copy of group) this.storeAll(stores, copy);
      else this.#storeTogether(stores, group);
    }
  }

  /** Computes what all lanes share now, before the loop over lanes; later uses find it. */
  hoist(exprs: readonly Expr[], shifts: Shifts): void {
    const copy = { shifts, laneOffset: 0, accumulators: [] };
    const shared = exprs.filter(
      (expr) => isUniform(expr) && partsOf(expr).length + Number(expr.op === "load") > 0,
    );
    this.values(shared, copy);
  }

  /** Evaluates all values of one copy and stores them: in turn if no value reads what is stored, else at the end. */
  storeAll(stores: readonly Store[], copy: Copy<V>): void {
    if (readsStored(stores)) {
      const values = this.values(
        stores.map((store) => store.value),
        copy,
      );
      stores.forEach((store, index) => this.#store(store, values[index] as V, copy));
      return;
    }
    const memo = new Map<Expr, V>();
    for (const store of stores) this.#store(store, this.#value(store.value, copy, memo), copy);
  }

  #store({ access }: Store, value: V, copy: Copy<V>): void {
    this.#cells.store(access, this.#pointers.address(access, copy.shifts, copy.laneOffset), value);
  }

  #storeTogether(stores: readonly Store[], copies: readonly Copy<V>[]): void {
    const memos = copies.map(() => new Map<Expr, V>());
    for (const store of stores) {
      const values = this.#together(store.value, copies, memos);
      copies.forEach((copy, index) => this.#store(store, values[index] as V, copy));
    }
  }

  #together(expr: Expr, copies: readonly Copy<V>[], memos: readonly Map<Expr, V>[]): V[] {
    if (!memos[0]?.has(expr)) {
      const operands = partsOf(expr).map((operand) => this.#together(operand, copies, memos));
      const all = this.#byTurns(expr, operands);
      memos.forEach((memo, index) => {
        const own = operands.map((list) => list[index] as V);
        memo.set(expr, all?.[index] ?? this.#compute(expr, own, copies[index] as Copy<V>));
      });
    }
    return memos.map((memo) => memo.get(expr) as V);
  }

  /** A function without rare paths, for all copies at once. */
  #byTurns(expr: Expr, operands: readonly V[][]): readonly V[] | undefined {
    const { lanes } = this.#target;
    const formula = expr.op === "elementwise" && this.#inline ? steadyFormula(lanes, expr.name) : undefined;
    return formula && lanes.byTurns?.(lanes as TableLanes<V>, formula, operands[0] as V[]);
  }

  #value(expr: Expr, copy: Copy<V>, memo: Map<Expr, V>): V {
    let value = memo.get(expr);
    if (value === undefined) {
      const operands = partsOf(expr).map((operand) => this.#value(operand, copy, memo));
      value = this.#compute(expr, operands, copy);
      memo.set(expr, value);
    }
    return value;
  }

  #compute(expr: Expr, operands: readonly V[], copy: Copy<V>): V {
    const { lanes } = this.#target;
    switch (expr.op) {
      case "load":
        return this.#load(expr.access, copy);
      case "literal":
        return expr.cell === "float" ? lanes.constant(expr.value) : lanes.bits(this.#integer(expr));
      case "axis":
        return this.#axis(expr, copy);
      case "accumulator":
        return this.#accumulator(expr.index, copy);
      case "select":
        return lanes.select(...(operands as [V, V, V]));
      case "convert":
        return this.#convert(expr, operands[0] as V);
      case "elementwise":
        return this.#elementwise(expr, operands);
    }
  }

  #load(access: Access, { shifts, laneOffset }: Copy<V>): V {
    return this.#cells.load(access, this.#pointers.address(access, shifts, laneOffset));
  }

  #integer({ cell, value }: Operation<"literal">): bigint {
    if (cell === "bool") return value === 0 ? 0n : -1n;
    return BigInt(Math.trunc(value));
  }

  #axis({ axis, scale, offset }: Operation<"axis">, { shifts }: Copy<V>): V {
    const target = this.#target;
    const first = target.splatInt(
      target.plus(target.times(this.#pointers.position(axis, shifts), scale), target.int(offset)),
    );
    return this.#cells.places?.(axis, scale, first) ?? first;
  }

  #accumulator(index: number, { accumulators }: Copy<V>): V {
    const value = accumulators[index];
    invariant(value !== undefined, `accumulator ${index} has no value here`);
    return value;
  }

  #convert({ from, to }: Operation<"convert">, a: V): V {
    const target = this.#target;
    const { lanes } = target;
    if (from === to) return a;
    if (from === "bool") return lanes.and(a, to === "float" ? lanes.constant(1) : lanes.bits(1n));
    if (to === "bool")
      return from === "float" ? lanes.ne(a, lanes.constant(0)) : target.integer("ne", [a, lanes.bits(0n)]);
    if (from === "int") return target.intToFloat(a);
    // Integers of float64 lanes are made by adding, which would let NaN through; those of float32 give 0.
    const whole = lanes.dtype === "f64" ? lanes.select(lanes.eq(a, a), a, lanes.constant(0)) : a;
    return target.floatToInt(whole);
  }

  #elementwise({ name, cell }: Operation<"elementwise">, operands: readonly V[]): V {
    const target = this.#target;
    if (cell === "int") return target.integer(name as IntegerOp, operands);
    if (cell === "bool" && (name === "eq" || name === "ne")) return this.#compareBools(name, operands);
    if (!isElementary(name)) return applyElementwise(target.lanes, name, operands);
    const make = (params: readonly V[]): V => applyElementwise(target.lanes, name, params);
    if (!this.#inline) return target.call(name, operands, make);
    return target.inline?.(name, operands, make) ?? make(operands);
  }

  #compareBools(name: "eq" | "ne", [a, b]: readonly V[]): V {
    const { lanes } = this.#target;
    const differ = lanes.xor(a as V, b as V);
    return name === "ne" ? differ : lanes.xor(differ, lanes.bits(-1n));
  }
}

const reading = new WeakMap<readonly Store[], boolean>();

/** Do some values read buffers that others are stored to? */
function readsStored(stores: readonly Store[]): boolean {
  let known = reading.get(stores);
  if (known === undefined) {
    const stored = new Set(stores.map((store) => store.access.buffer));
    const values = expressionsOf(stores.map((store) => store.value));
    known = values.some((expr) => expr.op === "load" && stored.has(expr.access.buffer));
    reading.set(stores, known);
  }
  return known;
}
