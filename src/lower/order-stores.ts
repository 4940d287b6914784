/**
 * The order in which straight code computes its results: few values alive at once, so that they stay in registers.
 *
 * Greedy: of the next results in line, take the one that adds the fewest values still needed later, less those it uses up;
 * among equals the one that takes the fewest operations.
 */

import { expressionsOf, partsOf } from "./intern.ts";
import type { Expr, Store } from "./loops.ts";

/** Results compared at each step. */
const CANDIDATES = 160;

/** The same stores in a better order. */
export function orderedStores(stores: readonly Store[]): Store[] {
  const order = new Order(stores);
  const waiting = [...stores];
  const result: Store[] = [];
  while (waiting.length > 0) {
    const choices = waiting.slice(0, CANDIDATES).map((store) => order.cost(store.value));
    const best = choices.reduce(
      (least, { score }, index) => (score < (choices[least] as Choice).score ? index : least),
      0,
    );
    order.take((choices[best] as Choice).fresh);
    result.push(...waiting.splice(best, 1));
  }
  return result;
}

interface Choice {
  readonly score: number;
  /** What is not computed yet. */
  readonly fresh: readonly Expr[];
}

/** Weighs a value that stays alive against operations. */
const ALIVE = 1000;

class Order {
  readonly #done = new Set<Expr>();
  /** Uses of each expression by expressions that are not computed yet. */
  readonly #uses = new Map<Expr, number>();

  constructor(stores: readonly Store[]) {
    for (const expr of expressionsOf(stores.map((store) => store.value)))
      for (const part of partsOf(expr)) count(this.#uses, part);
  }

  cost(root: Expr): Choice {
    const fresh = this.#fresh(root);
    const used = new Map<Expr, number>();
    for (const expr of fresh) for (const part of partsOf(expr)) count(used, part);
    const born = fresh.filter((expr) => this.#usesOf(expr) > (used.get(expr) ?? 0)).length;
    const dead = [...used].filter(
      ([part, uses]) => this.#done.has(part) && this.#usesOf(part) === uses,
    ).length;
    return { score: (born - dead) * ALIVE + fresh.length, fresh };
  }

  take(fresh: readonly Expr[]): void {
    for (const expr of fresh) {
      this.#done.add(expr);
      for (const part of partsOf(expr)) this.#uses.set(part, this.#usesOf(part) - 1);
    }
  }

  #usesOf(expr: Expr): number {
    return this.#uses.get(expr) ?? 0;
  }

  /** Everything below the root that is neither computed nor a leaf. */
  #fresh(root: Expr): Expr[] {
    const fresh = new Set<Expr>();
    const stack = [root];
    for (let expr = stack.pop(); expr !== undefined; expr = stack.pop()) {
      if (fresh.has(expr) || this.#done.has(expr) || partsOf(expr).length === 0) continue;
      fresh.add(expr);
      stack.push(...partsOf(expr));
    }
    return [...fresh];
  }
}

function count(counts: Map<Expr, number>, expr: Expr): void {
  counts.set(expr, (counts.get(expr) ?? 0) + 1);
}
