/**
 * Orders of scalar graphs too large for a matrix of edges: forward, reverse and Markowitz, whichever multiplies least.
 *
 * In: a scalar problem of any size. Out: one order. Always: what is dearer than the best so far is given up as soon as it is, so
 * the time is about that of the cheapest order.
 */

import { at, range } from "../ir/shape.ts";
import type { NamedOrder } from "./order.ts";
import type { Prices, ScalarProblem } from "./scalar-graph.ts";

/** The cheapest of the plain modes asked for and, where `greedy`, of Markowitz' rule with both ways of breaking ties. */
export function cheapestSparse(
  problem: ScalarProblem,
  prices: Prices,
  modes: { readonly named: readonly NamedOrder[]; readonly greedy: boolean },
): NamedOrder {
  let best: { readonly named: NamedOrder; readonly cost: number } | undefined;
  const consider = (name: string, next: (graph: SparseGraph) => Iterable<number>): void => {
    const graph = new SparseGraph(problem, prices);
    const order: number[] = [];
    let cost = 0;
    for (const vertex of next(graph)) {
      cost += graph.eliminate(vertex);
      if (best !== undefined && cost >= best.cost) return;
      order.push(vertex);
    }
    best = { named: { name, order }, cost };
  };
  for (const { name, order } of modes.named) consider(name, () => order);
  if (modes.greedy) {
    consider("Markowitz", (graph) => leastDegrees(graph, [...problem.inner].reverse()));
    consider("reverse Markowitz", (graph) => leastDegrees(graph, problem.inner));
  }
  return (best as unknown as { readonly named: NamedOrder }).named;
}

const MOST_DEGREE = 4096;

/** Always a vertex of the least degree; of equals the one that got it last, at first the last of `inner`. */
function* leastDegrees(graph: SparseGraph, inner: readonly number[]): Generator<number> {
  const queues: number[][] = range(MOST_DEGREE + 1).map(() => []);
  const placed = new Int32Array(graph.size).fill(-1);
  let least = 0;
  const place = (vertex: number): void => {
    const degree = Math.min(MOST_DEGREE, graph.degree(vertex));
    if (degree === placed[vertex]) return;
    placed[vertex] = degree;
    at(queues, degree).push(vertex);
    least = Math.min(least, degree);
  };
  for (const vertex of inner) place(vertex);
  for (let left = inner.length; left > 0; ) {
    const vertex = at(queues, least).pop();
    if (vertex === undefined) least++;
    else if (placed[vertex] === least) {
      placed[vertex] = -2;
      left--;
      const touched = graph.neighbours(vertex);
      yield vertex;
      for (const each of touched) if ((placed[each] as number) >= 0) place(each);
    }
  }
}

/** Edges by their kinds, in maps. */
class SparseGraph {
  readonly size: number;
  readonly #prices: Prices;
  readonly #into: Map<number, number>[];
  readonly #outOf: Map<number, number>[];

  constructor({ size, edges }: ScalarProblem, prices: Prices) {
    this.size = size;
    this.#prices = prices;
    this.#into = range(size).map(() => new Map<number, number>());
    this.#outOf = range(size).map(() => new Map<number, number>());
    for (const { from, to, kind } of edges) this.#set(from, to, kind);
  }

  /** Markowitz degree: edges in times edges out. */
  degree(vertex: number): number {
    return at(this.#into, vertex).size * at(this.#outOf, vertex).size;
  }

  neighbours(vertex: number): number[] {
    return [...at(this.#into, vertex).keys(), ...at(this.#outOf, vertex).keys()];
  }

  /** Eliminates a vertex; gives its cost. */
  eliminate(vertex: number): number {
    const { products, addition } = this.#prices;
    const [into, outOf] = [at(this.#into, vertex), at(this.#outOf, vertex)];
    let cost = 0;
    for (const [from, inner] of into) {
      const beyond = at(this.#outOf, from);
      beyond.delete(vertex);
      for (const [to, outer] of outOf) {
        cost += products[inner * 4 + outer] as number;
        const product = Math.max(inner, outer);
        const known = beyond.get(to);
        if (known !== undefined) cost += addition;
        this.#set(from, to, known === undefined ? product : Math.max(2, known, product));
      }
    }
    for (const to of outOf.keys()) at(this.#into, to).delete(vertex);
    into.clear();
    outOf.clear();
    return cost;
  }

  #set(from: number, to: number, kind: number): void {
    at(this.#outOf, from).set(to, kind);
    at(this.#into, to).set(from, kind);
  }
}
