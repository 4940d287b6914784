/**
 * Costs of elimination without building anything: edges known by their sizes and whether they are diagonal.
 *
 * In: a LinearGraph. Out: estimates of multiplications, exact for dense and diagonal maps, and the greedy order by them.
 */

import type { LinearGraph, Vertex } from "./linear-graph.ts";
import { type LinearMap, labelsOf, type Term } from "./linear-map.ts";
import { intermediates, type Linearized } from "./linearize.ts";

/** Markowitz: always the vertex whose elimination multiplies least now. */
export function greedyOrder(linear: Linearized): Vertex[] {
  const left = new Set(intermediates(linear));
  const shadow = new ShadowGraph(linear.graph, left);
  const order: Vertex[] = [];
  while (left.size > 0) {
    const next = [...left].reduce((best, vertex) =>
      shadow.price(vertex) < shadow.price(best) ? vertex : best,
    );
    shadow.eliminate(next);
    left.delete(next);
    order.push(next);
  }
  return order;
}

/** Labels and sizes only: what a product of two edges would cost, without building it. */
interface Shadow {
  readonly out: number;
  readonly in: number;
  /** Cells of the factor; 0 for a map that only moves. */
  readonly factor: number;
  readonly tied: boolean;
}

class ShadowGraph {
  readonly #edges = new Map<Vertex, Map<Vertex, Shadow>>();
  readonly #outOf = new Map<Vertex, Set<Vertex>>();
  readonly #prices = new Map<Vertex, number>();

  constructor(graph: LinearGraph, vertices: Iterable<Vertex>) {
    for (const vertex of vertices) {
      for (const to of graph.successors(vertex)) this.#set(vertex, to, shadowOf(graph.edge(vertex, to)));
      for (const from of graph.predecessors(vertex))
        this.#set(from, vertex, shadowOf(graph.edge(from, vertex)));
    }
  }

  price(vertex: Vertex): number {
    const known = this.#prices.get(vertex);
    if (known !== undefined) return known;
    let price = 0;
    for (const to of this.#outOf.get(vertex) ?? []) {
      for (const inner of this.#into(vertex).values())
        price += multiplied(this.#into(to).get(vertex) as Shadow, inner).cost;
    }
    this.#prices.set(vertex, price);
    return price;
  }

  eliminate(vertex: Vertex): void {
    const inners = [...this.#into(vertex)];
    for (const to of this.#outOf.get(vertex) ?? []) {
      const outer = this.#into(to).get(vertex) as Shadow;
      for (const [from, inner] of inners)
        this.#set(from, to, summed(this.#into(to).get(from), multiplied(outer, inner).map));
      this.#into(to).delete(vertex);
      this.#prices.delete(to);
    }
    for (const [from] of inners) {
      this.#outOf.get(from)?.delete(vertex);
      this.#prices.delete(from);
    }
    this.#edges.delete(vertex);
    this.#outOf.delete(vertex);
  }

  #set(from: Vertex, to: Vertex, map: Shadow): void {
    this.#into(to).set(from, map);
    const out = this.#outOf.get(from) ?? new Set();
    out.add(to);
    this.#outOf.set(from, out);
    this.#prices.delete(from);
    this.#prices.delete(to);
  }

  #into(vertex: Vertex): Map<Vertex, Shadow> {
    const known = this.#edges.get(vertex);
    if (known !== undefined) return known;
    const fresh = new Map<Vertex, Shadow>();
    this.#edges.set(vertex, fresh);
    return fresh;
  }
}

const cells = (labels: readonly { size: number }[]): number =>
  labels.reduce((size, each) => size * each.size, 1);

function shadowOf(map: LinearMap): Shadow {
  const [term] = map as readonly [Term, ...Term[]];
  const factor = map.reduce(
    (sum, each) => sum + (each.factor === undefined ? 0 : cells(each.factor.labels)),
    0,
  );
  const [out, inner] = [term.out, term.in].map((axes) => cells(axes.flatMap((axis) => axis.labels))) as [
    number,
    number,
  ];
  return { out, in: inner, factor, tied: cells(labelsOf(term)) < out * inner || out * inner === 1 };
}

function multiplied(outer: Shadow, inner: Shadow): { cost: number; map: Shadow } {
  const tied = outer.tied && inner.tied;
  const size = tied ? outer.out : outer.out * inner.in;
  const moves = outer.factor === 0 || inner.factor === 0;
  const middle = outer.tied || inner.tied ? 1 : inner.out;
  return {
    cost: moves ? 0 : size * middle,
    map: { out: outer.out, in: inner.in, factor: moves ? outer.factor + inner.factor : size, tied },
  };
}

function summed(x: Shadow | undefined, y: Shadow): Shadow {
  if (x === undefined) return y;
  const tied = x.tied && y.tied;
  return { ...y, tied, factor: tied ? y.out : y.out * y.in };
}

/** Estimated multiplications of an order. */
export function shadowCost(linear: Linearized, order: readonly Vertex[]): number {
  const shadow = new ShadowGraph(linear.graph, order);
  return order.reduce((sum, vertex) => {
    const price = shadow.price(vertex);
    shadow.eliminate(vertex);
    return sum + price;
  }, 0);
}
