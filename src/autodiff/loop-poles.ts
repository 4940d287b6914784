/**
 * When loops must tell the zeros of branches not taken from others, by masks beside all tangents or weights: where there are
 * branches, and factors that may be infinite.
 */

import { nodesOf, operandsOf } from "../ir/graph.ts";
import { range } from "../ir/shape.ts";
import type { Program, ScanNode } from "../ir/types.ts";
import { maybeInfinite } from "./finite.ts";
import type { LinearGraph } from "./linear-graph.ts";
import type { LinearMap } from "./linear-map.ts";

/** May a factor of the map be infinite? */
export const hasPoles = (map: LinearMap): boolean =>
  map.some(({ factor }) => factor !== undefined && maybeInfinite(factor.node));

/** Can a factor of the body be infinite, or what the loop is given? */
export function isSingular(scan: ScanNode): boolean {
  return operandsOf(scan).some(maybeInfinite) || hasSingular(scan.body);
}

function hasSingular(body: Program): boolean {
  return nodesOf(body).some((node) =>
    node.op === "scan" ? hasSingular(node.body) : node.op !== "project" && maybeInfinite(node),
  );
}

const BRANCHES: ReadonlySet<string> = new Set(["select", "max", "min", "abs", "reduceMax", "reduceMin"]);

/** Does the body choose anywhere? */
export function hasBranches({ body }: { readonly body: Program }): boolean {
  return nodesOf(body).some((node) => {
    if (node.op === "scan") return hasBranches(node);
    return node.op === "call" ? hasBranches(node.callee) : BRANCHES.has(node.op);
  });
}

/** Is there such a map between two vertices? */
export function anyMap(graph: LinearGraph, is: (map: LinearMap) => boolean): boolean {
  return range(graph.size).some((to) => graph.predecessors(to).some((from) => is(graph.edge(from, to))));
}
