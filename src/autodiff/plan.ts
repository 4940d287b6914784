/**
 * Choosing an elimination order by counted cost.
 *
 * Candidates are built for real in the one builder (equal work is shared there), the operations of what they
 * leave are counted, and the cheapest wins; ties go to the earlier candidate, so plans are the same everywhere.
 */

import type { Builder } from "../ir/builder.ts";
import { sizeOf } from "../ir/shape.ts";
import type { Node } from "../ir/types.ts";
import { countNodes } from "./cost.ts";
import type { LinearGraph, Vertex } from "./linear-graph.ts";
import { type LinearMap, labelsOf, type Term } from "./linear-map.ts";
import { intermediates, type Linearized } from "./linearize.ts";

/** How the Jacobian is accumulated: `auto` takes the cheapest order found. */
export type Mode = "auto" | "forward" | "reverse";

/** Turns accumulated maps, read by source and sink, into the nodes that are wanted. */
export type Finish = (map: (source: Vertex, sink: Vertex) => LinearMap) => readonly Node[];

interface Candidate {
  readonly name: string;
  readonly order: readonly Vertex[];
}

/** Eliminates everything between sources and sinks in the mode's order; gives what `finish` makes of the maps. */
export function planned(
  b: Builder,
  linear: Linearized,
  options: { mode: Mode; finish: Finish },
): readonly Node[] {
  const vertices = intermediates(linear);
  const forward: Candidate = { name: "forward", order: vertices };
  const reverse: Candidate = { name: "reverse", order: [...vertices].reverse() };
  const build = (candidate: Candidate): readonly Node[] => options.finish(eliminated(b, linear, candidate));
  if (options.mode !== "auto") return build(options.mode === "forward" ? forward : reverse);
  const candidates = [
    reverse,
    forward,
    { name: "greedy", order: greedyOrder(linear) },
    ...cutOrders(linear, vertices),
  ];
  const results = distinct(candidates).map((candidate) => {
    const nodes = build(candidate);
    return { nodes, cost: countNodes(nodes).cost };
  });
  return results.reduce((best, result) => (result.cost < best.cost ? result : best)).nodes;
}

function distinct(candidates: readonly Candidate[]): Candidate[] {
  return [...new Map(candidates.map((candidate) => [candidate.order.join(), candidate])).values()];
}

function eliminated(b: Builder, { graph }: Linearized, { order }: Candidate): Parameters<Finish>[0] {
  const work = graph.copy();
  for (const vertex of order) work.eliminate(b, vertex);
  return (source, sink) => work.edge(source, sink);
}

/** Orders that cut the graph at a narrow vertex which every path passes: each side in either mode, the cut last. */
function cutOrders(linear: Linearized, vertices: readonly Vertex[]): Candidate[] {
  const size = (vertex: Vertex): number => sizeOf(linear.values.get(vertex)?.shape ?? []);
  const cuts = passages(linear, vertices)
    .sort((x, y) => size(x) - size(y))
    .slice(0, 2);
  return cuts.flatMap((cut) => {
    const before = vertices.filter((vertex) => vertex < cut);
    const after = vertices.filter((vertex) => vertex > cut);
    const both = (order: readonly Vertex[]): readonly (readonly Vertex[])[] => [order, [...order].reverse()];
    return both(before).flatMap((first) =>
      both(after).map((second) => ({ name: `cut at ${cut}`, order: [...first, ...second, cut] })),
    );
  });
}

/** Vertices that lie on every path from sources to sinks: no edge jumps over them. */
function passages({ graph }: Linearized, vertices: readonly Vertex[]): Vertex[] {
  let reach = -1;
  const bridged = new Map<Vertex, Vertex>();
  for (let vertex = 0; vertex < graph.size; vertex++) {
    bridged.set(vertex, reach);
    reach = Math.max(reach, ...graph.successors(vertex));
  }
  return vertices.filter((vertex) => (bridged.get(vertex) as Vertex) <= vertex);
}

/** Markowitz: always the vertex whose elimination multiplies least now. */
function greedyOrder(linear: Linearized): Vertex[] {
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
