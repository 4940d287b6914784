/**
 * The plan as data for people and tests: which order was chosen, what it costs, what the others would have cost.
 */

import { topologicalOrder } from "../ir/graph.ts";
import { sizeOf } from "../ir/shape.ts";
import type { Node, Shape } from "../ir/types.ts";
import { type Counts, countNodes } from "./cost.ts";
import type { Ends } from "./ends.ts";
import type { Vertex } from "./linear-graph.ts";
import type { LinearMap } from "./linear-map.ts";
import type { Linearized, LoopReport } from "./linearized.ts";
import { nonzerosOf } from "./pattern.ts";
import type { Alternative, Planned } from "./plan.ts";
import type { Part } from "./plan-scalar.ts";

/** A value where the plan cuts the graph: Jacobians on both sides are accumulated first, then multiplied. */
export interface Cut {
  /** The op and place in the source of the value. */
  readonly name: string;
  readonly shape: Shape;
}

/** One step of a plan with cuts: a mode over a part of the graph, or how two parts are put together. */
export interface Step {
  readonly how: Part["how"];
  /** Undefined: the inputs. */
  readonly from: Cut | undefined;
  readonly middle: Cut | undefined;
  /** Undefined: the outputs. */
  readonly to: Cut | undefined;
}

/** One output by one input. */
export interface Block {
  readonly name: string;
  readonly rows: number;
  readonly columns: number;
  /** Entries that are not zero by structure. */
  readonly nonzeros: number;
}

/** See the file's header. Counts are per row and of everything the results need. */
export interface PlanReport {
  /** The chosen order: forward, reverse, a greedy rule, local search, cuts. */
  readonly order: string;
  /** Why it was chosen, in words. */
  readonly why: string;
  /** Was the program taken apart into scalars? */
  readonly scalars: boolean;
  /** Intermediate values whose tangents are eliminated. */
  readonly vertices: number;
  readonly counts: Counts;
  /** Every order that was built and counted, forward and reverse among them. */
  readonly alternatives: readonly Alternative[];
  readonly cuts: readonly Cut[];
  /** With cuts: the modes and products, in the order in which they are done. */
  readonly parts: readonly Step[];
  readonly blocks: readonly Block[];
  /** Formed once for all rows, when shared inputs are bound. */
  readonly bound: { readonly counts: Counts; readonly cells: number };
  /** Planning effort spent in search; 0 where no search ran. */
  readonly steps: number;
  /** Did the wall clock stop the search? Only then may the plan differ on another machine. */
  readonly stopped: boolean;
  /** Loops that stay loops, and how each is differentiated. */
  readonly loops: readonly LoopReport[];
}

interface Material {
  readonly ends: Ends;
  readonly result: Planned;
  readonly blocks: readonly {
    readonly name: string;
    readonly maps: readonly LinearMap[];
    readonly shapes: readonly [Shape, Shape];
  }[];
  readonly roots: readonly Node[];
}

/** The report of a finished plan. */
export function reportOf({ ends, result, blocks, roots }: Material): PlanReport {
  const cuts = (result.candidate.cuts ?? []).flatMap((vertex) => cutOf(ends, vertex) ?? []);
  return {
    order: result.chosen.name,
    why: whyChosen(result, { cells: endCells(ends.linear), cuts }),
    scalars: ends.scalars,
    vertices: result.candidate.order.length,
    counts: result.chosen.counts,
    alternatives: result.alternatives,
    cuts,
    parts: (result.candidate.parts ?? []).map(({ how, from, middle, to }) => ({
      how,
      from: cutOf(ends, from),
      middle: cutOf(ends, middle),
      to: cutOf(ends, to),
    })),
    blocks: blocks.map((block) => blockOf(block, ends.scalars)),
    get bound() {
      return boundOf(roots);
    },
    steps: result.steps,
    stopped: result.stopped,
    loops: ends.linear.loops,
  };
}

/** Nonzeros are counted when they are first asked for: that takes longer than planning, and calls do without. */
function blockOf({ name, maps, shapes }: Material["blocks"][number], scalars: boolean): Block {
  const count = (): number =>
    scalars
      ? maps.filter((map) => map.length > 0).length
      : maps.reduce((sum, map) => sum + nonzerosOf(map, shapes), 0);
  let counted: number | undefined;
  return {
    name,
    rows: sizeOf(shapes[0]),
    columns: sizeOf(shapes[1]),
    get nonzeros() {
      counted ??= count();
      return counted;
    },
  };
}

interface EndCells {
  readonly inputs: number;
  readonly outputs: number;
}

function endCells({ sources, sinks, values }: Linearized): EndCells {
  const total = (ends: readonly Vertex[]): number =>
    ends.reduce((sum, end) => sum + sizeOf(values.get(end)?.shape ?? []), 0);
  return { inputs: total(sources), outputs: total(sinks) };
}

/** What the chosen order gains, and from what. */
function whyChosen(
  { chosen, alternatives, asked }: Planned,
  { cells, cuts }: { cells: EndCells; cuts: readonly Cut[] },
): string {
  const { inputs, outputs } = cells;
  if (asked !== "auto") return `${asked} mode was asked for`;
  const costOf = (mode: string): number =>
    alternatives.find(({ name }) => name === mode)?.counts.cost ?? Number.POSITIVE_INFINITY;
  const [forward, reverse] = [costOf("forward"), costOf("reverse")];
  const [better, least] = forward < reverse ? ["forward", forward] : ["reverse", reverse];
  if (chosen.name === "forward" || chosen.name === "reverse") {
    const isSmaller = chosen.name === "forward" ? inputs < outputs : outputs < inputs;
    const sizes = `${inputs} cells of inputs, ${outputs} of outputs`;
    const others = alternatives.length > 1 ? "no order that was built costs less" : "estimated cheapest";
    return `${others} (${sizes}${isSmaller ? `, and ${chosen.name} mode starts from the fewer` : ""})`;
  }
  const saved = `${percent(1 - chosen.counts.cost / least)} cheaper than ${better} mode, the better of the two`;
  if (cuts.length === 0) return `${saved}: values go first where the fewest products pass through them`;
  const places = cuts.map(({ name, shape }) => `${name} (${sizeOf(shape)} cells)`).join(", ");
  return `${saved}: every path goes through ${places}, narrower than inputs (${inputs}) and outputs (${outputs})`;
}

const percent = (share: number): string => `${Number((100 * share).toPrecision(2))} %`;

/** What is computed of shared values, and the cells of it that are kept. */
function boundOf(roots: readonly Node[]): PlanReport["bound"] {
  const cells = topologicalOrder(roots)
    .filter(({ level, op }) => level === "bound" && (op === "mul" || op === "contract"))
    .reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  return { counts: countNodes(roots, "bound"), cells };
}

function cutOf(ends: Ends, vertex: Vertex | undefined): Cut | undefined {
  const node = vertex === undefined ? undefined : ends.linear.values.get(vertex);
  if (node === undefined) return undefined;
  const place = node.origin === undefined ? "" : ` at ${node.origin.name}`;
  return { name: `${node.op}${place}`, shape: node.shape };
}
