/**
 * The linearised graph with its plan, for pictures: every value whose tangent is eliminated, when and how, and what its edges hold.
 *
 * In: ends, the names of outputs and inputs, the chosen candidate. Out: vertices in topological order, edges by their positions.
 */

import { at, range, sizeOf } from "../ir/shape.ts";
import type { Node, Shape } from "../ir/types.ts";
import type { Ends } from "./ends.ts";
import type { Vertex } from "./linear-graph.ts";
import type { LinearMap } from "./linear-map.ts";
import { intermediates, type Linearized } from "./linearized.ts";
import type { Candidate, Part } from "./plan-scalar.ts";
import { shadowOf } from "./plan-shadow.ts";

/**
 * How a value's tangent goes: `forward`, its Jacobian by the inputs is complete and is passed on; `reverse`, the outputs' Jacobian
 * by it is; `cut`, both are and are multiplied; `inside`, neither is.
 */
export type How = "forward" | "reverse" | "cut" | "inside";

/** A value: an input, an output, or one between, which is eliminated at place `order`, counted from 1. */
export interface PlanVertex {
  readonly kind: "input" | "output" | "value";
  readonly name: string;
  readonly shape: Shape;
  /** Where in the source it comes from. */
  readonly origin: string;
  readonly order: number | undefined;
  readonly how: How | undefined;
}

/** A local Jacobian. */
export interface PlanEdge {
  readonly from: number;
  readonly to: number;
  readonly rows: number;
  readonly columns: number;
  /** Diagonal blocks it is made of; 1 for a full matrix. */
  readonly blocks: number;
  /** What its numbers are: none where it only moves cells, known when shared values are bound, or the row's. */
  readonly numbers: "none" | "bound" | "row";
}

/** See the file's header. */
export interface PlanGraph {
  readonly vertices: readonly PlanVertex[];
  readonly edges: readonly PlanEdge[];
}

interface Named {
  readonly name: string;
  readonly value: Node;
}

/** What planning leaves of a plan, for those who want its graph. */
export interface PlanMaterial {
  readonly ends: Ends;
  readonly candidate: Candidate;
  readonly inputs: readonly Named[];
  readonly outputs: readonly Named[];
}

/** The graph as it was before elimination, and what the candidate does with it. */
export function planGraph({
  ends: { linear, scalars },
  candidate,
  inputs,
  outputs,
}: PlanMaterial): PlanGraph {
  const { graph, sources, sinks, values } = linear;
  const names = new Map<Vertex, string>([
    ...namesOf(sources, inputs, scalars),
    ...namesOf(sinks, outputs, scalars),
  ]);
  const places = new Map(candidate.order.map((vertex, index) => [vertex, index + 1]));
  const ways = waysOf(linear, candidate);
  const ends = new Set(sinks);
  const shown = [...sources, ...intermediates(linear), ...sinks].sort((x, y) => x - y);
  const numbers = new Map(shown.map((vertex, index) => [vertex, index]));
  const vertices = shown.map((vertex): PlanVertex => {
    const node = values.get(vertex) as Node;
    const name = names.get(vertex);
    return {
      kind: name === undefined ? "value" : ends.has(vertex) ? "output" : "input",
      name: name ?? titleOf(node),
      shape: node.shape,
      origin: node.origin?.name ?? "",
      order: places.get(vertex),
      how: ways.get(vertex),
    };
  });
  const edges = shown.flatMap((to) =>
    graph.predecessors(to).map((from): PlanEdge => {
      const map = graph.edge(from, to);
      return { from: numbers.get(from) as number, to: numbers.get(to) as number, ...sizesOf(map) };
    }),
  );
  return { vertices, edges };
}

/** Whole inputs and outputs have their names, cells of them numbers behind. */
function namesOf(ends: readonly Vertex[], named: readonly Named[], scalars: boolean): [Vertex, string][] {
  const names = named.flatMap(({ name, value }) =>
    scalars && value.shape.length > 0 ? range(sizeOf(value.shape)).map((cell) => `${name}[${cell}]`) : [name],
  );
  return ends.map((vertex, index) => [vertex, at(names, index)]);
}

function sizesOf(map: LinearMap): Pick<PlanEdge, "rows" | "columns" | "blocks" | "numbers"> {
  const { out, in: columns, ties } = shadowOf(map);
  const factors = map.flatMap(({ factor, guard }) => [factor, guard]).filter((each) => each !== undefined);
  const isRow = factors.some(({ node }) => node.level === "row");
  return {
    rows: out,
    columns,
    blocks: ties,
    numbers: isRow ? "row" : factors.length > 0 ? "bound" : "none",
  };
}

function waysOf(linear: Linearized, { order, parts, name }: Candidate): ReadonlyMap<Vertex, How> {
  if (parts !== undefined) return waysOfParts(order, parts);
  if (name === "forward" || name === "reverse") return new Map(order.map((vertex) => [vertex, name]));
  return waysOfOrder(linear, order);
}

/** With cuts: what the parts say of the values they lead over. */
function waysOfParts(order: readonly Vertex[], parts: readonly Part[]): Map<Vertex, How> {
  const ways = new Map<Vertex, How>();
  const mark = (how: How, from: number, to: number): void => {
    for (const vertex of order)
      if (vertex >= from && vertex <= to && !ways.has(vertex)) ways.set(vertex, how);
  };
  for (const { how, from = -1, middle = -1, to = Number.POSITIVE_INFINITY } of parts) {
    if (how === "product") ways.set(middle, "cut");
    else if (how === "push") mark("forward", middle, to - 1);
    else if (how === "pull") mark("reverse", from + 1, middle);
    else mark(how, from + 1, to - 1);
  }
  return ways;
}

/** Otherwise: whether, when it goes, only inputs are before a value, or only outputs behind. */
function waysOfOrder({ graph, sources, sinks }: Linearized, order: readonly Vertex[]): Map<Vertex, How> {
  const into = new Map(order.map((vertex) => [vertex, new Set(graph.predecessors(vertex))]));
  const outOf = new Map(order.map((vertex) => [vertex, new Set(graph.successors(vertex))]));
  const [first, last] = [new Set(sources), new Set(sinks)];
  const ways = new Map<Vertex, How>();
  for (const vertex of order) {
    const [before, behind] = [into.get(vertex), outOf.get(vertex)] as [Set<Vertex>, Set<Vertex>];
    const known = [...before].every((each) => first.has(each));
    const seen = [...behind].every((each) => last.has(each));
    const isCut = !graph.successors(vertex).every((each) => last.has(each));
    ways.set(vertex, known ? (seen && isCut ? "cut" : "forward") : seen ? "reverse" : "inside");
    for (const from of before) replace(outOf.get(from), vertex, behind);
    for (const to of behind) replace(into.get(to), vertex, before);
  }
  return ways;
}

function replace(neighbours: Set<Vertex> | undefined, gone: Vertex, by: ReadonlySet<Vertex>): void {
  if (neighbours === undefined) return;
  neighbours.delete(gone);
  for (const vertex of by) neighbours.add(vertex);
}

/** What a value is called in pictures: a scan's results by the scan. */
function titleOf(node: Node): string {
  if (node.op === "call") return node.callee.name;
  return node.op === "project" ? titleOf(node.a) : node.op;
}
