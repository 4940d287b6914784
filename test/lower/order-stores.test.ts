/** Straight code's order: what is kept up to date gives what counting anew at every step gives. */

import { expect, test } from "vitest";
import { range } from "../../src/ir/shape.ts";
import { expressionsOf, Interner, partsOf } from "../../src/lower/intern.ts";
import type { Access, Buffer, Expr, Store } from "../../src/lower/loops.ts";
import { orderedStores } from "../../src/lower/order-stores.ts";
import { Random } from "../ir/random.ts";

const buffer: Buffer = { id: 0, space: "tile", cells: 1000, cell: "float", name: "cells" };
const cellAt = (offset: number): Access => ({ buffer, index: { offset, terms: [] } });

/** Results of random code that shares what it computes, some equal, some mere leaves. */
function randomStores(seed: number): Store[] {
  const random = new Random(seed);
  const interner = new Interner();
  const values: Expr[] = range(random.between(1, 6)).map((cell) => interner.load(cellAt(cell)));
  const reach = random.between(2, 50);
  const pick = (): Expr => random.pick(random.chance(0.1) ? values : values.slice(-reach));
  for (const _ of range(random.between(1, 300))) {
    const made = [
      () => interner.elementwise("sin", "float", [pick()]),
      () => interner.elementwise("mul", "float", [pick(), pick()]),
      () => interner.select(pick(), pick(), pick()),
    ];
    values.push(random.pick(made)());
  }
  return range(random.between(1, 250)).map((cell) => ({ access: cellAt(cell), value: random.pick(values) }));
}

/** The greedy order as it is defined, everything counted anew at every step. */
function byDefinition(stores: readonly Store[]): Store[] {
  const all = expressionsOf(stores.map(({ value }) => value)).filter((expr) => partsOf(expr).length > 0);
  const users = new Map(all.map((expr) => [expr, all.filter((user) => partsOf(user).includes(expr))]));
  const done = new Set<Expr>();
  const freshOf = (root: Expr): Set<Expr> =>
    new Set(expressionsOf([root]).filter((expr) => partsOf(expr).length > 0 && !done.has(expr)));
  const score = ({ value }: Store): number => {
    const fresh = freshOf(value);
    const usersOf = (expr: Expr): Expr[] => (users.get(expr) ?? []).filter((user) => !done.has(user));
    const born = [...fresh].filter((expr) => usersOf(expr).some((user) => !fresh.has(user)));
    const dead = [...done].filter((expr) => {
      const left = usersOf(expr);
      return left.length > 0 && left.every((user) => fresh.has(user));
    });
    return 1000 * (born.length - dead.length) + fresh.size;
  };
  const waiting = [...stores];
  return stores.map(() => {
    const scores = waiting.slice(0, 160).map(score);
    const [store] = waiting.splice(scores.indexOf(Math.min(...scores)), 1);
    for (const expr of freshOf((store as Store).value)) done.add(expr);
    return store as Store;
  });
}

test("results are computed in the greedy order", () => {
  for (const seed of [1, 2, 3, 4, 5, 6]) {
    const stores = randomStores(seed);
    expect(orderedStores(stores).map((store) => stores.indexOf(store))).toEqual(
      byDefinition(stores).map((store) => stores.indexOf(store)),
    );
  }
});
