/**
 * The order for second derivatives: forward to where the function bends, in reverse from there, and one product between.
 *
 * A gradient is multilinear in what its reverse sweep computes: those tangents are eliminated in reverse, all others forward.
 * Both sweeps then form the Jacobians of the same values, which the builder shares: H = Σ J_uᵀ · φ″ · J_u, as symmetric as H is.
 */

import { operandsOf } from "../ir/graph.ts";
import type { Node } from "../ir/types.ts";
import type { Vertex } from "./linear-graph.ts";
import { intermediates, type Linearized } from "./linearized.ts";
import type { Candidate } from "./plan-scalar.ts";

/** The order, for graphs that multiply values of the row beyond where they bend; else none. */
export function secondOrderCandidates(linear: Linearized): Candidate[] {
  const vertices = intermediates(linear);
  const beyond = linearVertices(linear, vertices);
  const isRow = (vertex: Vertex): boolean =>
    factorsOutOf(linear, vertex).some(({ level }) => level === "row");
  if (![...beyond].some(isRow)) return [];
  const isBoundary = (vertex: Vertex): boolean =>
    linear.graph.predecessors(vertex).some((from) => !beyond.has(from));
  const reversed = [...vertices].reverse().filter((vertex) => beyond.has(vertex));
  const order = [
    ...vertices.filter((vertex) => !beyond.has(vertex)),
    ...reversed.filter((vertex) => !isBoundary(vertex)),
    ...reversed.filter(isBoundary),
  ];
  return [{ name: "second order", order }];
}

/** Vertices in which all results are linear: no factor on a way from them depends on their own value. */
function linearVertices(linear: Linearized, vertices: readonly Vertex[]): Set<Vertex> {
  const found = new Set<Vertex>(linear.sinks);
  for (const vertex of [...vertices].reverse()) {
    const value = linear.values.get(vertex);
    if (value === undefined) continue;
    if (!linear.graph.successors(vertex).every((next) => found.has(next))) continue;
    if (!factorsOutOf(linear, vertex).some((factor) => dependsOn(factor, value))) found.add(vertex);
  }
  for (const sink of linear.sinks) found.delete(sink);
  return found;
}

function factorsOutOf({ graph }: Linearized, vertex: Vertex): Node[] {
  return graph
    .successors(vertex)
    .flatMap((next) => graph.edge(vertex, next))
    .flatMap(({ factor, guard }) =>
      [factor, guard].flatMap((part) => (part === undefined ? [] : [part.node])),
    );
}

/** Is `value` beneath `node`? Operands have smaller numbers than what reads them. */
function dependsOn(node: Node, value: Node): boolean {
  const seen = new Set<Node>();
  const stack = [node];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    if (next === value) return true;
    if (seen.has(next) || next.id < value.id) continue;
    seen.add(next);
    stack.push(...operandsOf(next));
  }
  return false;
}
