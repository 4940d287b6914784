/**
 * What linearisation gives and planning takes: a graph with its ends, and the loops in it.
 */

import type { Builder } from "../ir/builder.ts";
import type { InputNode, Node, ScanNode } from "../ir/types.ts";
import type { LinearGraph, Vertex } from "./linear-graph.ts";
import type { LinearMap } from "./linear-map.ts";

/** Which way tangents or weights run through loops. */
export type Direction = "auto" | "forward" | "reverse";

/** How a loop was differentiated, for people. */
export interface LoopReport {
  readonly name: string;
  readonly steps: number;
  readonly mode: "forward" | "reverse";
  /** Tangents or weights carried side by side, and of what they are. */
  readonly seeds: number;
  readonly of: "inputs" | "operands" | "results" | "outputs";
  /** Segments whose first carries are kept (reverse mode of long loops). */
  readonly segments: number;
  /** Carried numbers that a row keeps for the way back, at most, those of a segment that is run again included. */
  readonly keptCells: number;
}

/** The graph with its ends: sources are `wrt` in order, sinks are `outputs` in order. */
export interface Linearized {
  readonly graph: LinearGraph;
  readonly sources: readonly Vertex[];
  readonly sinks: readonly Vertex[];
  /** The value whose tangent a vertex is (sinks repeat their output's). */
  readonly values: ReadonlyMap<Vertex, Node>;
}

/** A linearised program whose loops are differentiated too. */
export interface Closed extends Linearized {
  readonly loops: readonly LoopReport[];
  /** What to read in place of loops' results: loops that compute derivatives make them as well. */
  readonly instead: ReadonlyMap<Node, Node>;
}

/** A loop of the program, before it gives edges. */
export interface OpenLoop {
  readonly scan: ScanNode;
  /** The operands' vertices, of those that depend on a source. */
  readonly operands: readonly (Vertex | undefined)[];
  /** Vertices of results, by their number. */
  readonly results: Map<number, Vertex>;
}

/** The graph while loops are open. */
export interface OpenGraph extends Linearized {
  readonly open: readonly OpenLoop[];
}

/** What the differentiation of loops needs of the planner. */
export interface LoopTools {
  readonly linearize: (b: Builder, ends: LinearEnds) => Closed;
  /** Jacobians of values by inputs, outputs before inputs, planned on their own. */
  readonly jacobian: (
    b: Builder,
    values: readonly Node[],
    wrt: readonly InputNode[],
  ) => { readonly nodes: readonly Node[]; readonly instead: ReadonlyMap<Node, Node> };
}

/** What to linearise between. */
export interface LinearEnds {
  readonly outputs: readonly Node[];
  readonly wrt: readonly Node[];
  /** One source in place of `wrt`: maps from a value of this shape to each of them. */
  readonly seeds?: Weighted;
  /** One sink in place of `outputs`: maps from each of them to a value of this shape. */
  readonly weights?: Weighted;
  /** Must zeros of branches not taken be told from others in what is found? */
  readonly masked?: boolean;
}

interface Weighted {
  readonly value: Node;
  readonly maps: readonly LinearMap[];
}

/** How loops are differentiated. */
export interface LinearizeOptions {
  readonly tools: LoopTools;
  readonly mode: Direction;
  /** Quotients as one vertex each, as the literature counts them; by default numbers' quotients have two. */
  readonly wholeQuotients?: boolean;
}

/** The vertices an order must eliminate: all that still have edges and are no ends. */
export function intermediates({ graph, sources, sinks }: Linearized): Vertex[] {
  const ends = new Set([...sources, ...sinks]);
  return Array.from({ length: graph.size }, (_, vertex) => vertex).filter(
    (vertex) => !ends.has(vertex) && graph.successors(vertex).length > 0,
  );
}
