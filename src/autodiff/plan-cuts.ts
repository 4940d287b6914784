/**
 * Orders that cut the graph where it is narrow: at passages, vertices that every path from source to sink goes through.
 */

import type { Builder } from "../ir/builder.ts";
import { sizeOf } from "../ir/shape.ts";
import type { Vertex } from "./linear-graph.ts";
import { intermediates, type Linearized } from "./linearize.ts";
import type { Candidate } from "./plan-scalar.ts";

/** Cuts at narrow passages: each side in either mode, the cut last. */
export function cutCandidates(_b: Builder, linear: Linearized): Candidate[] {
  const vertices = intermediates(linear);
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
export function passages({ graph }: Linearized, vertices: readonly Vertex[]): Vertex[] {
  let reach = -1;
  const bridged = new Map<Vertex, Vertex>();
  for (let vertex = 0; vertex < graph.size; vertex++) {
    bridged.set(vertex, reach);
    for (const next of graph.successors(vertex)) reach = Math.max(reach, next);
  }
  return vertices.filter((vertex) => (bridged.get(vertex) as Vertex) <= vertex);
}
