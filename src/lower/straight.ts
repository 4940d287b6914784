/**
 * Straight-line stages: when a program is best expanded to scalars, and how long code is cut into stages.
 *
 * Compilers take more than linear time on long straight code, so it is cut at about 1500 operations; what a later stage needs
 * of an earlier one passes through a cell of scratch each.
 */

import { isReduce } from "../ir/ops.ts";
import { at, sizeOf } from "../ir/shape.ts";
import type { ContractNode, Node } from "../ir/types.ts";
import { contractionKind, contractionPoints } from "./contractions.ts";
import { costOf, isView } from "./costs.ts";
import { functionOf } from "./decide.ts";
import type { Homes } from "./homes.ts";
import { cellOf, expressionsOf, Interner, partsOf } from "./intern.ts";
import type { Access, Expr, Store, Straight } from "./loops.ts";
import { orderedStores } from "./order-stores.ts";

const MOST_OPERATIONS = 6000;
/** More operations per node than this on average, and loops say the same in less code. */
const CELLS_PER_NODE = 24;
/** Scalars only: loops would gain nothing however long the program is. */
const SCALARS_PER_NODE = 6;
/** From about here register blocks beat straight code (measured: 64 → 64 tanh layers by ten times, 3 → 8 → 2 not at all). */
const DENSE_PRODUCTS = 128;
/** Bound values are expanded cell by cell as well. */
const MOST_BOUND_CELLS = 4096;
const STAGE_OPERATIONS = 1500;

/** Is the program a formula rather than tensor work? */
export function isFormula(order: readonly Node[], outputs: readonly Node[]): boolean {
  const nodes = order.filter((node) => node.level === "row" && !isView(node) && node.op !== "input");
  const costs = nodes.map(expandedCost);
  const total =
    costs.reduce((sum, cost) => sum + cost, 0) + outputs.reduce((sum, node) => sum + sizeOf(node.shape), 0);
  if (total > (total > MOST_OPERATIONS ? SCALARS_PER_NODE : CELLS_PER_NODE) * nodes.length) return false;
  if (
    order.some(
      (node) => node.op === "scan" || (node.level !== "row" && sizeOf(node.shape) > MOST_BOUND_CELLS),
    )
  )
    return false;
  const dense = nodes.filter(isDense).reduce((sum, node) => sum + contractionPoints(node), 0);
  return dense <= DENSE_PRODUCTS;
}

const isDense = (node: Node): node is ContractNode =>
  node.op === "contract" && contractionKind(node) === "product";

function expandedCost(node: Node): number {
  if (node.op === "contract") return contractionPoints(node);
  if (isReduce(node.op) && "a" in node) return sizeOf(node.a.shape);
  if (node.op === "gather") return sizeOf(node.shape) * at(node.a.shape, node.axis);
  if (node.op === "scatterAdd")
    return sizeOf(node.a.shape) * (node.indices.level === "row" ? at(node.shape, node.axis) : 1);
  if (node.op === "concat" || node.op === "pad") return 0;
  const name = functionOf(node);
  return sizeOf(node.shape) * (name === undefined ? 1 : costOf(name));
}

/** Stages for the stores, each of bounded length. */
export function straightStages(stores: readonly Store[], homes: Homes): Straight[] {
  const cut = new Cut(orderedStores(stores), homes);
  return cut.stages();
}

const isLeaf = (expr: Expr): boolean => partsOf(expr).length === 0;

class Cut {
  readonly #stores: readonly Store[];
  readonly #homes: Homes;
  /** The stage that computes an expression. */
  readonly #stage = new Map<Expr, number>();
  /** Where an expression of an earlier stage can be loaded. */
  readonly #saved = new Map<Expr, Access>();
  #count = 1;

  constructor(stores: readonly Store[], homes: Homes) {
    this.#stores = stores;
    this.#homes = homes;
    this.#assign();
  }

  stages(): Straight[] {
    const stores: Store[][] = Array.from({ length: this.#count }, () => []);
    for (const store of this.#stores) {
      const stage = this.#stage.get(store.value) ?? 0;
      if (!this.#saved.has(store.value)) this.#saved.set(store.value, store.access);
      at(stores, stage).push(store);
    }
    for (const expr of this.#crossing()) {
      if (this.#saved.has(expr)) continue;
      const access: Access = {
        buffer: this.#homes.tileBuffer(1, cellOf(expr), "cut"),
        index: { offset: 0, terms: [] },
      };
      this.#saved.set(expr, access);
      at(stores, this.#stage.get(expr) as number).push({ access, value: expr });
    }
    return stores
      .map((own, stage) => ({ kind: "straight", stores: this.#rebuilt(own, stage) }) as const)
      .filter((stage) => stage.stores.length > 0);
  }

  #assign(): void {
    let weight = 0;
    for (const expr of expressionsOf(this.#stores.map((store) => store.value))) {
      if (isLeaf(expr)) continue;
      weight += expr.op === "elementwise" ? costOf(expr.name) : 1;
      if (weight > STAGE_OPERATIONS) {
        weight = 0;
        this.#count++;
      }
      this.#stage.set(expr, this.#count - 1);
    }
  }

  /** Expressions that a later stage uses. */
  #crossing(): Expr[] {
    const crossing = new Set<Expr>();
    for (const [expr, stage] of this.#stage) {
      for (const part of partsOf(expr))
        if (!isLeaf(part) && this.#stage.get(part) !== stage) crossing.add(part);
    }
    return [...crossing];
  }

  /** The stores with everything from earlier stages loaded. */
  #rebuilt(stores: readonly Store[], stage: number): Store[] {
    const interner = new Interner();
    const memo = new Map<Expr, Expr>();
    const rebuild = (expr: Expr): Expr => {
      const known = memo.get(expr);
      if (known !== undefined) return known;
      const earlier = !isLeaf(expr) && this.#stage.get(expr) !== stage;
      const made = earlier ? interner.load(this.#saved.get(expr) as Access) : interner.copy(expr, rebuild);
      memo.set(expr, made);
      return made;
    };
    return stores.map(({ access, value }) => ({ access, value: rebuild(value) }));
  }
}
