/**
 * Lanes of several vectors at once: each operation is written for all of them before the next one.
 *
 * In: lanes, and formulas without rare paths. Out: the same operations in another order: neighbours do not wait for each
 * other, which a machine of long latencies needs, for it looks ahead by few instructions only.
 */

import type { TableFormula, TableLanes } from "../lanes.ts";
import { signed, unsigned } from "./format.ts";

/** The formula's values for several vectors, written by turns. */
export function byTurns<V>(l: TableLanes<V>, formula: TableFormula, list: readonly V[]): readonly V[] {
  const result = formula(together(l), new Together(list));
  const magnitude = unsigned(result);
  if (magnitude !== result) result.items.forEach((item, index) => signed(item, magnitude.of(index)));
  return result.items;
}

/** The same value of several vectors; a list of one stands for all. */
export class Together<V> {
  readonly items: readonly V[];

  constructor(items: readonly V[]) {
    this.items = items;
  }

  /** The value of one vector. */
  of(index: number): V {
    return (this.items[index] ?? this.items[0]) as V;
  }
}

type Operation<V> = (...operands: readonly unknown[]) => V;

/** Lanes over lists. */
export function together<V>(lanes: TableLanes<V>): TableLanes<Together<V>> {
  const isList = (operand: unknown): operand is Together<V> => operand instanceof Together;
  const lifted =
    (operation: Operation<V>): Operation<Together<V>> =>
    (...operands) => {
      const count = Math.max(...operands.map((each) => (isList(each) ? each.items.length : 1)));
      const one = (index: number): V =>
        operation.apply(
          lanes,
          operands.map((each) => (isList(each) ? each.of(index) : each)),
        );
      return new Together(Array.from({ length: count }, (_, index) => one(index)));
    };
  const get = (_: object, name: string): unknown => {
    const own: unknown = Reflect.get(lanes, name, lanes);
    return typeof own === "function" ? lifted(own as Operation<V>) : own;
  };
  return new Proxy({}, { get }) as TableLanes<Together<V>>;
}
