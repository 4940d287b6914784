/**
 * The order in which straight code computes its results: few values alive at once, so that they stay in registers.
 *
 * Greedy: of the next results in line, take the one that adds the fewest values still needed later, less those it uses up;
 * among equals the one that takes the fewest operations. Always: the three counts of every result in line are kept up to date,
 * never taken anew, by masks with a bit for each of them; the work is in proportion to the code's operations and operands.
 */

import { at } from "../ir/shape.ts";
import { expressionsOf, partsOf } from "./intern.ts";
import type { Expr, Store } from "./loops.ts";

/** Results compared at each step: so many words of bits. */
const WORDS = 5;
const CANDIDATES = 32 * WORDS;
/** Weighs a value that stays alive against operations. */
const ALIVE = 1000;

/** The same stores in a better order. */
export function orderedStores(stores: readonly Store[]): Store[] {
  const order = new Order(stores);
  const line = stores.slice(0, CANDIDATES).map((store, slot): Entry => ({ store, slot }));
  order.enter(line);
  return stores.map((_, taken) => {
    const scores = line.map(({ slot }) => order.score(slot));
    const [best] = line.splice(scores.indexOf(Math.min(...scores)), 1) as [Entry];
    order.take(best.store.value);
    const next = stores[taken + CANDIDATES];
    if (next !== undefined) {
      const entry = { store: next, slot: best.slot };
      order.enter([entry]);
      line.push(entry);
    }
    return best.store;
  });
}

/** A result in line, and its bit. */
interface Entry {
  readonly store: Store;
  readonly slot: number;
}

/** Expressions by number, leaves left out; a result in line is a slot. What a result needs that is not computed yet is fresh. */
class Order {
  readonly #numbers: ReadonlyMap<Expr, number>;
  readonly #parts: readonly (readonly number[])[];
  /** What reads an expression; those that are computed are dropped when they are met. */
  readonly #users: readonly number[][];
  readonly #done: Uint8Array;
  /** Slots for which it is fresh; of these, slots after which it is still needed; for what is done, slots that use it up. */
  readonly #fresh: Masks;
  readonly #born: Masks;
  readonly #dead: Masks;

  constructor(stores: readonly Store[]) {
    const all = expressionsOf(stores.map(({ value }) => value)).filter((expr) => partsOf(expr).length > 0);
    const numbers = new Map(all.map((expr, number) => [expr, number]));
    this.#numbers = numbers;
    this.#parts = all.map((expr) => [...new Set(partsOf(expr))].flatMap((part) => numbers.get(part) ?? []));
    this.#users = all.map(() => []);
    this.#parts.forEach((parts, user) => {
      for (const part of parts) at(this.#users, part).push(user);
    });
    this.#done = new Uint8Array(all.length);
    this.#fresh = new Masks(all.length);
    this.#born = new Masks(all.length);
    this.#dead = new Masks(all.length);
  }

  score(slot: number): number {
    return (this.#born.count(slot) - this.#dead.count(slot)) * ALIVE + this.#fresh.count(slot);
  }

  /** Results come into line, all at once: what they share is visited once. */
  enter(entries: readonly Entry[]): void {
    const slots = new Map<number, Int32Array>();
    const join = (expr: number, more: Int32Array): void => {
      const known = slots.get(expr);
      if (known === undefined) slots.set(expr, more.slice());
      else for (let word = 0; word < WORDS; word++) (known[word] as number) |= more[word] as number;
    };
    const fresh = this.#below(entries.map(({ store }) => store.value));
    for (const { slot, store } of entries) {
      const root = this.#numbers.get(store.value);
      if (root !== undefined) join(root, slotOf(slot));
    }
    for (const expr of fresh) {
      const own = slots.get(expr) as Int32Array;
      this.#fresh.add(expr, own);
      for (const part of at(this.#parts, expr)) if (this.#done[part] === 0) join(part, own);
    }
    for (const expr of fresh) {
      const own = slots.get(expr) as Int32Array;
      this.#born.add(expr, this.#stillNeeded(expr, own));
      for (const part of at(this.#parts, expr)) if (this.#done[part] === 1) this.#useUp(part, own);
    }
  }

  /** A result is computed. */
  take(root: Expr): void {
    const fresh = this.#below([root]);
    for (const expr of fresh) {
      this.#done[expr] = 1;
      this.#fresh.clear(expr);
      this.#born.clear(expr);
    }
    const touched = new Set(fresh);
    for (const expr of fresh) for (const part of at(this.#parts, expr)) touched.add(part);
    for (const expr of touched) this.#useUp(expr, ALL);
  }

  /** Of the slots those that need something else of an expression than what is fresh for them. */
  #stillNeeded(expr: number, slots: Int32Array): Int32Array {
    const kept = slots.slice();
    this.#keepsFresh(expr, kept);
    return slots.map((own, word) => own & ~(kept[word] as number));
  }

  /** Notes which of the slots use up what is computed: those for which all that still reads it is fresh. */
  #useUp(expr: number, slots: Int32Array): void {
    const using = this.#dead.without(expr, slots);
    const some = this.#keepsFresh(expr, using);
    if (at(this.#users, expr).length === 0) this.#dead.clear(expr);
    else if (some) this.#dead.add(expr, using);
  }

  /**
   * Keeps the slots for which all users are fresh that are not computed yet; is there one? A user that leaves none is asked
   * first the next time, so few are asked more than once.
   */
  #keepsFresh(expr: number, slots: Int32Array): boolean {
    const users = at(this.#users, expr);
    for (let index = 0; index < users.length; ) {
      const user = at(users, index);
      if (this.#done[user] === 1) {
        users[index] = at(users, users.length - 1);
        users.pop();
      } else if (this.#fresh.keep(user, slots)) index++;
      else {
        users[index] = at(users, 0);
        users[0] = user;
        return false;
      }
    }
    return true;
  }

  /** Everything below the roots that is neither computed nor a leaf, wholes before parts. */
  #below(roots: readonly Expr[]): number[] {
    const stack = roots.flatMap((root) => this.#numbers.get(root) ?? []);
    const fresh = new Set<number>();
    for (let expr = stack.pop(); expr !== undefined; expr = stack.pop()) {
      if (fresh.has(expr) || this.#done[expr] === 1) continue;
      fresh.add(expr);
      stack.push(...at(this.#parts, expr));
    }
    return [...fresh].sort((x, y) => y - x);
  }
}

const slotOf = (slot: number): Int32Array =>
  new Int32Array(WORDS).fill(1 << (slot & 31), slot >> 5, (slot >> 5) + 1);

const ALL: Int32Array = new Int32Array(WORDS).fill(-1);

/** For every expression a set of slots, and for every slot how many expressions have it. */
class Masks {
  readonly #words: Int32Array;
  readonly #counts: Int32Array = new Int32Array(CANDIDATES);

  constructor(size: number) {
    this.#words = new Int32Array(size * WORDS);
  }

  count(slot: number): number {
    return this.#counts[slot] as number;
  }

  /** Adds slots that the expression does not have. */
  add(expr: number, slots: Int32Array): void {
    for (let word = 0; word < WORDS; word++) {
      const added = slots[word] as number;
      (this.#words[expr * WORDS + word] as number) |= added;
      this.#change(word, added, 1);
    }
  }

  clear(expr: number): void {
    for (let word = 0; word < WORDS; word++) {
      this.#change(word, this.#words[expr * WORDS + word] as number, -1);
      this.#words[expr * WORDS + word] = 0;
    }
  }

  /** Leaves only slots that the expression has; is there one? */
  keep(expr: number, slots: Int32Array): boolean {
    let some = 0;
    for (let word = 0; word < WORDS; word++)
      some |= (slots[word] as number) &= this.#words[expr * WORDS + word] as number;
    return some !== 0;
  }

  /** The slots that the expression does not have. */
  without(expr: number, slots: Int32Array): Int32Array {
    return slots.map((own, word) => own & ~(this.#words[expr * WORDS + word] as number));
  }

  #change(word: number, slots: number, by: number): void {
    for (let rest = slots; rest !== 0; rest &= rest - 1)
      (this.#counts[32 * word + 31 - Math.clz32(rest & -rest)] as number) += by;
  }
}
