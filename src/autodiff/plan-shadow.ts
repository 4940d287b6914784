/**
 * Costs of elimination without building anything: edges known by their sizes and whether they are diagonal.
 *
 * In: a LinearGraph. Out: estimates of multiplications, exact for dense and diagonal maps, and the greedy order by them.
 */

import { isSelection } from "../ir/identities.ts";
import { ROW_BY_ROW } from "./cost.ts";
import type { LinearGraph, Vertex } from "./linear-graph.ts";
import { type LinearMap, labelsOf, type Term } from "./linear-map.ts";
import { intermediates, type Linearized } from "./linearized.ts";

/** Of a product of shared values: little, for it is formed once for all rows. */
const SHARED = 1e-3;

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

/** Sizes only: what a product of two edges would cost, without building it. */
export interface Shadow {
  readonly out: number;
  readonly in: number;
  /** What it multiplies by: nothing where it only moves cells, shared values, the row's. */
  readonly by: "nothing" | "shared" | "row";
  /** How many cells of output and input are tied pairwise: all of them for a diagonal, 1 for a dense map. */
  readonly ties: number;
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

/** The sizes of a map's first term, which are those of all where they are alike. */
export function shadowOf(map: LinearMap): Shadow {
  const [term] = map as readonly [Term, ...Term[]];
  const [out, inner] = [term.out, term.in].map((axes) => cells(axes.flatMap((axis) => axis.labels))) as [
    number,
    number,
  ];
  const factors = map.flatMap(({ factor }) =>
    factor === undefined || isSelection(factor.node) ? [] : [factor.node.level],
  );
  const by = factors.includes("row") ? "row" : factors.length > 0 ? "shared" : "nothing";
  return { out, in: inner, by, ties: (out * inner) / cells(labelsOf(term)) };
}

/** Ties of both that nest: the product keeps the fewer, and sums over what the more leave of the middle. */
function multiplied(outer: Shadow, inner: Shadow): { cost: number; map: Shadow } {
  const ties = Math.min(outer.ties, inner.ties);
  const kept = (outer.out * inner.in) / ties;
  const summed = Math.max(1, inner.out / Math.max(outer.ties, inner.ties));
  return {
    cost: kept * summed * weight(outer.by, inner.by),
    map: { out: outer.out, in: inner.in, by: more(outer.by, inner.by), ties },
  };
}

function summed(x: Shadow | undefined, y: Shadow): Shadow {
  if (x === undefined) return y;
  return { out: y.out, in: y.in, by: more(x.by, y.by), ties: Math.min(x.ties, y.ties) };
}

function more(x: Shadow["by"], y: Shadow["by"]): Shadow["by"] {
  return x === "row" || y === "row" ? "row" : x === "nothing" ? y : x;
}

/** Of one product: nothing where cells only move. */
function weight(x: Shadow["by"], y: Shadow["by"]): number {
  if (x === "nothing" || y === "nothing") return 0;
  if (x === "row" && y === "row") return 1 + ROW_BY_ROW / 2;
  return x === "row" || y === "row" ? 1 : SHARED;
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
