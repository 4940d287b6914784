/**
 * A plan as text for people: what was chosen, what the other orders would have cost, where the graph is cut, and which
 * entries are zero by structure.
 */

import { showShape } from "../ir/shape.ts";
import type { Counts } from "./cost.ts";
import type { LoopReport } from "./linearized.ts";
import type { Alternative } from "./plan.ts";
import type { Block, Cut, PlanReport, Step } from "./plan-report.ts";

/** What to print: every order that was built instead of the best of each kind, and how many bytes a number takes. */
interface Show {
  readonly all?: boolean;
  readonly bytes?: number;
}

/** The plan in a few lines. */
export function printPlan(plan: PlanReport, { all = false, bytes }: Show = {}): string {
  return [
    `plan: ${plan.order}, ${count(plan.vertices, "intermediate value")}${plan.scalars ? ", taken apart into scalars" : ""}`,
    `  why: ${plan.why}`,
    ...stepLines(plan).map((line) => `  ${line}`),
    ...costTable(plan, all ? plan.alternatives : bestByName(plan.alternatives)),
    ...structureLines(plan, bytes).map((line) => `  ${line}`),
  ].join("\n");
}

/** What a picture says beside its bars: why this plan, its steps, and its structure. */
export function planNotes(plan: PlanReport): string[] {
  return [`why: ${plan.why}`, ...stepLines(plan), ...structureLines(plan)];
}

function stepLines({ parts }: PlanReport): string[] {
  return parts.map((step, index) => `${index + 1}. ${stepLine(step)}`);
}

function structureLines(plan: PlanReport, bytes?: number): string[] {
  return [
    ...plan.loops.map(loopLine),
    ...plan.blocks.map(blockLine),
    ...boundLine(plan, bytes),
    ...searchLine(plan),
  ];
}

function loopLine({ name, steps, mode, seeds, of, segments, keptCells }: LoopReport): string {
  const what = `${count(seeds, mode === "forward" ? "tangent" : "weight")} (of ${of}) carried through`;
  const loop = `${name}: ${count(steps, "step")} in ${mode} mode, ${what}`;
  if (mode === "forward") return loop;
  const kept =
    segments === 0 ? "the carries of every step" : `the first carries of ${count(segments, "segment")}`;
  return `${loop}; ${kept} are kept, at most ${count(keptCells, "number")} per row at a time`;
}

function stepLine({ how, from, middle, to }: Step): string {
  const [start, cut, end] = [placeOf(from, "inputs"), placeOf(middle, "?"), placeOf(to, "outputs")];
  switch (how) {
    case "forward":
      return `forward mode from ${start} to ${end}`;
    case "reverse":
      return `reverse mode from ${end} back to ${start}`;
    case "product":
      return `cut at ${cut}: the Jacobian before it times the one behind it gives ${start} to ${end}`;
    case "push":
      return `on in forward mode from ${cut} to ${end}`;
    case "pull":
      return `on in reverse mode from ${cut} back to ${start}`;
  }
}

function placeOf(place: Cut | undefined, otherwise: string): string {
  return place === undefined ? `the ${otherwise}` : `${place.name} ${showShape(place.shape)}`;
}

/** Operations per row of orders that were built, the chosen one marked. */
function costTable({ order, counts }: PlanReport, shown: readonly Alternative[]): string[] {
  const width = Math.max(...shown.map(({ name }) => name.length));
  return shown.map(({ name, counts: own }) => {
    const mark = name === order && own.cost === counts.cost ? "*" : " ";
    return `${mark} ${name.padEnd(width)}  ${countsText(own)}`;
  });
}

/** Searches run several times: the best of each name stands for it. */
function bestByName(alternatives: readonly Alternative[]): Alternative[] {
  const best = new Map<string, Alternative>();
  for (const each of alternatives) {
    const known = best.get(each.name);
    if (known === undefined || each.counts.cost < known.counts.cost) best.set(each.name, each);
  }
  return [...best.values()];
}

function countsText(counts: Counts): string {
  const kinds = ["multiplications", "additions", "divisions", "functions", "other"] as const;
  const listed = kinds.filter((kind) => counts[kind] > 0).map((kind) => `${counts[kind]} ${kind}`);
  return listed.length === 0 ? "no arithmetic per row" : `${listed.join(", ")} per row; cost ${counts.cost}`;
}

function blockLine({ name, rows, columns, nonzeros }: Block): string {
  const cells = rows * columns;
  const zeros = nonzeros === cells ? "dense" : `${nonzeros} nonzero, ${cells - nonzeros} zero by structure`;
  return `${name}: ${rows} × ${columns}, ${zeros}`;
}

function boundLine({ bound: { counts, cells } }: PlanReport, bytes: number | undefined): string[] {
  if (cells === 0) return [];
  const size = bytes === undefined ? "" : ` (${grouped(cells * bytes)} bytes)`;
  return [
    `once per bind: ${count(counts.multiplications, "multiplication")} of shared values, ${count(cells, "number")} kept${size}`,
  ];
}

function searchLine({ steps, stopped }: PlanReport): string[] {
  if (stopped)
    return [`search stopped by the clock after ${count(steps, "step")}: the plan may differ elsewhere`];
  return steps === 0 ? [] : [`search: ${count(steps, "step")}`];
}

function count(size: number, what: string): string {
  return `${grouped(size)} ${what}${size === 1 ? "" : "s"}`;
}

const grouped = (size: number): string => size.toLocaleString("en-US").replaceAll(",", " ");
