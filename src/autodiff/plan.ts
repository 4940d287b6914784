/**
 * Choosing an elimination order by counted cost.
 *
 * Candidates are built for real in the one builder (equal work is shared there), the operations of what they
 * leave are counted, and the cheapest wins; ties go to the earlier candidate, so plans are the same everywhere.
 */

import type { Builder } from "../ir/builder.ts";
import type { Node } from "../ir/types.ts";
import { type Counts, countNodes } from "./cost.ts";
import type { Vertex } from "./linear-graph.ts";
import type { LinearMap } from "./linear-map.ts";
import { intermediates, type Linearized } from "./linearized.ts";
import { cutCandidates } from "./plan-cuts.ts";
import {
  type Candidate,
  type Candidates,
  cheapestScalar,
  type Effort,
  scalarCandidates,
} from "./plan-scalar.ts";
import { secondOrderCandidates } from "./plan-second.ts";
import { greedyOrder, shadowCost } from "./plan-shadow.ts";

/** How the Jacobian is accumulated: `auto` takes the cheapest order found. */
export type Mode = "auto" | "forward" | "reverse";

/** Turns accumulated maps, read by source and sink, into the nodes that are wanted. */
export type Finish = (map: (source: Vertex, sink: Vertex) => LinearMap) => readonly Node[];

/** What to plan for. */
export interface PlanOptions {
  readonly mode: Mode;
  readonly effort: Effort;
  readonly finish: Finish;
  /** Nodes that are wanted too: what they share with the derivatives is not counted twice. */
  readonly also?: readonly Node[];
}

/** An order that was built, and what it takes per row, values included. */
export interface Alternative {
  readonly name: string;
  readonly counts: Counts;
}

/** The wanted nodes and how they were chosen. */
export interface Planned {
  readonly nodes: readonly Node[];
  /** The maps between sources and sinks that the nodes were made of. */
  readonly map: Parameters<Finish>[0];
  readonly candidate: Candidate;
  readonly chosen: Alternative;
  readonly alternatives: readonly Alternative[];
  /** The mode that was asked for. */
  readonly asked: Mode;
  readonly steps: number;
  readonly stopped: boolean;
}

/** Graphs of more vertices than this build one candidate only, chosen by estimates. */
const MOST_BUILT = 1500;

/** Eliminates everything between sources and sinks in the best order found. */
export function planned(b: Builder, linear: Linearized, options: PlanOptions): Planned {
  const { candidates, steps, stopped } = candidatesFor(linear, options);
  const results = candidates.map((candidate) => {
    const map = eliminated(b, linear, candidate);
    const nodes = options.finish(map);
    const counts = countNodes([...(options.also ?? []), ...nodes]);
    return { nodes, map, candidate, alternative: { name: candidate.name, counts } };
  });
  const best = results
    .filter(({ candidate }) => options.mode === "auto" || candidate.name === options.mode)
    .reduce((x, y) => (y.alternative.counts.cost < x.alternative.counts.cost ? y : x));
  return {
    nodes: best.nodes,
    map: best.map,
    candidate: best.candidate,
    chosen: best.alternative,
    alternatives: results.map(({ alternative }) => alternative),
    asked: options.mode,
    steps,
    stopped,
  };
}

/** The orders worth building, reverse and forward first: both also where one is asked for, so that reports compare them. */
export function candidatesFor(
  linear: Linearized,
  { mode, effort }: Pick<PlanOptions, "mode" | "effort">,
): Candidates {
  const vertices = intermediates(linear);
  const forward: Candidate = { name: "forward", order: vertices };
  const reverse: Candidate = { name: "reverse", order: [...vertices].reverse() };
  const asked = { auto: [reverse, forward], forward: [forward], reverse: [reverse] }[mode];
  if (vertices.length > MOST_BUILT) {
    const greedy = mode === "auto";
    const only =
      cheapestScalar(linear, { asked, greedy }) ??
      cheapestOf(linear, [...asked, ...(greedy ? cutCandidates(linear) : [])]);
    return { candidates: [only], steps: 0, stopped: false };
  }
  if (mode !== "auto") return { candidates: [reverse, forward], steps: 0, stopped: false };
  const scalar = scalarCandidates(linear, effort);
  const others =
    scalar.candidates.length > 0
      ? scalar.candidates
      : [
          ...cutCandidates(linear),
          { name: "greedy", order: greedyOrder(linear) },
          ...secondOrderCandidates(linear),
        ];
  return { ...scalar, candidates: distinct([reverse, forward, ...others]) };
}

function distinct(candidates: readonly Candidate[]): Candidate[] {
  const byOrder = new Map<string, Candidate>();
  for (const candidate of candidates) {
    const key = candidate.order.join();
    if (!byOrder.has(key)) byOrder.set(key, candidate);
  }
  return [...byOrder.values()];
}

function cheapestOf(linear: Linearized, candidates: readonly Candidate[]): Candidate {
  const costs = candidates.map(({ order }) => shadowCost(linear, order));
  return candidates[costs.indexOf(Math.min(...costs))] as Candidate;
}

/** The maps left when the order has been eliminated. */
export function eliminated(b: Builder, { graph }: Linearized, { order }: Candidate): Parameters<Finish>[0] {
  const work = graph.copy();
  for (const vertex of order) work.eliminate(b, vertex);
  return (source, sink) => work.edge(source, sink);
}
