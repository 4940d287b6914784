/**
 * The linearised program: vertices are tangents, edges are local Jacobians (LinearMaps).
 *
 * Eliminating a vertex multiplies every edge into it with every edge out of it and adds the products to the edges
 * that remain; when only sources and sinks are left, the edges between them are the Jacobian (Griewank & Walther,
 * Evaluating Derivatives, ch. 9). Forward and reverse mode are the two orders along the graph.
 */

import type { Builder } from "../ir/builder.ts";
import { composeMaps } from "./compose.ts";
import { join } from "./join.ts";
import type { LinearMap } from "./linear-map.ts";

/** Vertices are numbered so that every edge leads from a smaller to a larger number. */
export type Vertex = number;

/** Tangents and the maps between them. */
export class LinearGraph {
  readonly #into: Map<Vertex, LinearMap>[] = [];
  readonly #outOf: Set<Vertex>[] = [];

  /** A new vertex without edges. */
  add(): Vertex {
    this.#into.push(new Map());
    this.#outOf.push(new Set());
    return this.#into.length - 1;
  }

  get size(): number {
    return this.#into.length;
  }

  /** Adds a map to the edge from → to; zero maps make no edge. */
  connect(b: Builder, [from, to]: readonly [Vertex, Vertex], map: LinearMap): void {
    if (map.length === 0) return;
    const known = this.edge(from, to);
    this.#edgesInto(to).set(from, known.length === 0 && map.length === 1 ? map : join(b, [...known, ...map]));
    (this.#outOf[from] as Set<Vertex>).add(to);
  }

  /** The map from one vertex to another: zero if there is no edge. */
  edge(from: Vertex, to: Vertex): LinearMap {
    return this.#edgesInto(to).get(from) ?? [];
  }

  predecessors(vertex: Vertex): Vertex[] {
    return [...this.#edgesInto(vertex).keys()];
  }

  successors(vertex: Vertex): Vertex[] {
    return [...(this.#outOf[vertex] as Set<Vertex>)];
  }

  /** Joins predecessors to successors through `vertex`, then removes it. */
  eliminate(b: Builder, vertex: Vertex): void {
    const into = [...this.#edgesInto(vertex)];
    for (const to of this.successors(vertex)) {
      const outer = this.edge(vertex, to);
      this.#edgesInto(to).delete(vertex);
      for (const [from, inner] of into) this.connect(b, [from, to], composeMaps(b, outer, inner));
    }
    this.drop(vertex);
  }

  /** Removes a vertex and its edges. */
  drop(vertex: Vertex): void {
    for (const from of this.predecessors(vertex)) (this.#outOf[from] as Set<Vertex>).delete(vertex);
    for (const to of this.successors(vertex)) this.#edgesInto(to).delete(vertex);
    this.#into[vertex] = new Map();
    this.#outOf[vertex] = new Set();
  }

  /** A copy that can be eliminated on its own; maps are shared, they never change. */
  copy(): LinearGraph {
    const copy = new LinearGraph();
    this.#into.forEach((edges, vertex) => {
      copy.#into.push(new Map(edges));
      copy.#outOf.push(new Set(this.#outOf[vertex]));
    });
    return copy;
  }

  #edgesInto(vertex: Vertex): Map<Vertex, LinearMap> {
    return this.#into[vertex] as Map<Vertex, LinearMap>;
  }
}
