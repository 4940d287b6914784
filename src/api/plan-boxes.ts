/**
 * The graph of a plan as boxes and lines.
 *
 * In: a PlanGraph. Out: boxes in topological order and the lines between them; a line that multiplies carries a chip with the
 * size of its local Jacobian. A graph of too many values is drawn in groups of neighbours that are eliminated alike.
 */

import type { How, PlanEdge, PlanGraph, PlanVertex } from "../autodiff/index.ts";
import { at, sizeOf } from "../ir/shape.ts";
import type { Edge } from "./graph-layout.ts";
import type { Box, Line } from "./svg.ts";

/** What to draw. */
export interface Drawing {
  readonly boxes: readonly Box[];
  readonly edges: readonly Edge[];
  readonly lines: readonly Line[];
  /** Are values drawn in groups? */
  readonly grouped: boolean;
}

/** Fills by how a value is eliminated, and of the ends. */
export const FILLS: Readonly<Record<How | "input" | "output", string>> = {
  forward: "#cfe2f3",
  reverse: "#fce5cd",
  cut: "#f4b6b6",
  inside: "#e3dcf2",
  input: "#d9ead3",
  output: "#fff2cc",
};
/** Fills of chips by what the numbers of a local Jacobian are. */
export const CHIPS: Readonly<Record<"row" | "bound", string>> = { row: "#ffffff", bound: "#e6e6e6" };

const CUT_FRAME = { colour: "#c00000", width: 2 } as const;
const MOST_DRAWN = 150;
/** About as many groups are drawn. */
const GROUPS = 28;
const LONGEST_NAME = 22;

/** Boxes and lines of the graph, or of its groups where it is large. */
export function drawingOf(graph: PlanGraph): Drawing {
  if (graph.vertices.length > MOST_DRAWN) return grouped(graph);
  const isScalar = graph.vertices.every(({ shape }) => shape.every((size) => size === 1));
  const boxes: Box[] = [];
  const places: number[] = [];
  const edges: Edge[] = [];
  const lines: Line[] = [];
  graph.vertices.forEach((vertex, index) => {
    const links = graph.edges.filter(({ to }) => to === index);
    const chips = links.map((edge) =>
      isScalar || edge.numbers === "none" ? undefined : boxes.push(chipOf(edge, edge.numbers)) - 1,
    );
    places.push(boxes.push(boxOf(vertex)) - 1);
    links.forEach((edge, link) => {
      const [from, to, chip] = [at(places, edge.from), at(places, index), chips[link]];
      const line = { dashed: edge.numbers === "none" };
      if (chip === undefined) {
        edges.push({ from, to });
        lines.push(line);
        return;
      }
      edges.push({ from, to: chip }, { from: chip, to });
      lines.push({ ...line, plain: true }, line);
    });
  });
  return { boxes, edges, lines, grouped: false };
}

function boxOf({ kind, name, shape, origin, order, how }: PlanVertex): Box {
  const sizes = sizeOf(shape) === 1 ? "" : shape.join(" × ");
  const place = origin === "" ? "" : `\nfrom ${origin}`;
  const when = order === undefined ? "" : `\neliminated as number ${order}, ${how ?? ""}`;
  return {
    title: shortened(name),
    detail: sizes,
    tooltip: `${name}${sizes === "" ? "" : `, ${sizes}`}${place}${when}`,
    fill: FILLS[kind === "value" ? (how ?? "inside") : kind],
    shape: kind === "value" ? "box" : "port",
    ...(how === "cut" && { frame: CUT_FRAME }),
    ...(order !== undefined && { badge: String(order) }),
  };
}

function shortened(name: string): string {
  return name.length > LONGEST_NAME ? `${name.slice(0, LONGEST_NAME - 1)}…` : name;
}

function chipOf({ rows, columns, blocks }: PlanEdge, numbers: "row" | "bound"): Box {
  const isDiagonal = blocks === rows && blocks === columns && blocks > 1;
  const block = `${rows / blocks}×${columns / blocks}`;
  const title = isDiagonal
    ? `diagonal ${rows}`
    : blocks > 1 && Number.isInteger(blocks)
      ? `${blocks} blocks ${block}`
      : `${rows}×${columns}`;
  const known = numbers === "bound" ? "known once shared values are bound" : "numbers of each row";
  return {
    title,
    detail: "",
    tooltip: `local Jacobian ${rows}×${columns}, ${known}`,
    fill: CHIPS[numbers],
    shape: "chip",
    frame: { colour: "#aaaaaa", width: 0.7 },
  };
}

/** Runs of neighbours in topological order: of one kind and way, where ways do not change all the time, and not too long. */
function groupsOf(vertices: readonly PlanVertex[]): readonly (readonly number[])[] {
  const longest = Math.ceil(vertices.length / GROUPS);
  const turns = vertices.filter(({ how }, index) => how !== vertices[index - 1]?.how).length;
  const keyOf = ({ kind, name, how }: PlanVertex): string =>
    kind === "value" ? `value ${turns > GROUPS ? "" : how}` : `${kind} ${baseName(name)}`;
  const groups: number[][] = [];
  let last = "";
  vertices.forEach((vertex, index) => {
    const key = keyOf(vertex);
    const group = groups.at(-1);
    const isFull = vertex.kind === "value" && group?.length === longest;
    if (group === undefined || key !== last || isFull) groups.push([index]);
    else group.push(index);
    last = key;
  });
  return groups;
}

const baseName = (name: string): string => name.replace(/\[\d+\]$/, "");

function grouped({ vertices, edges }: PlanGraph): Drawing {
  const groups = groupsOf(vertices);
  const groupOf = new Map(groups.flatMap((group, index) => group.map((vertex) => [vertex, index])));
  const counts = new Map<number, number>();
  for (const { from, to } of edges) {
    const [start, end] = [groupOf.get(from) as number, groupOf.get(to) as number];
    const key = start * groups.length + end;
    if (start !== end) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const all = [...counts].map(([key, count]) => ({
    from: Math.floor(key / groups.length),
    to: key % groups.length,
    count,
  }));
  const kept = all.filter((edge) => !isImplied(edge, all));
  return {
    boxes: groups.map((group) => groupBox(group.map((index) => at(vertices, index)))),
    edges: kept.map(({ from, to }) => ({ from, to })),
    lines: kept.map(({ count }) => ({ width: 1 + Math.log2(count) / 2 })),
    grouped: true,
  };
}

/** Is there a longer way than the edge itself? */
function isImplied({ from, to }: Edge, edges: readonly Edge[]): boolean {
  const reached = new Set(
    edges.filter((edge) => edge.from === from && edge.to !== to).map((edge) => edge.to),
  );
  for (const next of reached) for (const edge of edges) if (edge.from === next) reached.add(edge.to);
  return reached.has(to);
}

function groupBox(vertices: readonly PlanVertex[]): Box {
  const [first] = vertices as readonly [PlanVertex, ...PlanVertex[]];
  if (vertices.length === 1) return boxOf(first);
  const count = `${vertices.length} ${first.kind === "value" ? "values" : "cells"}`;
  if (first.kind !== "value") {
    const title = shortened(baseName(first.name));
    return { title, detail: count, tooltip: title, fill: FILLS[first.kind], shape: "port" };
  }
  const names = tally(vertices.map(({ name }) => name));
  const orders = vertices.flatMap(({ order }) => order ?? []);
  const when = `${Math.min(...orders)} – ${Math.max(...orders)}`;
  const listed = names.map(([name, times]) => `${times} ${name}`);
  const [way] = tally(vertices.map(({ how }) => how ?? "inside"));
  return {
    title: `${count}, ${when}`,
    detail: listed.slice(0, 3).join(", "),
    tooltip: `${count}: ${listed.join(", ")}\neliminated as numbers ${when}`,
    fill: FILLS[way?.[0] ?? "inside"],
    shape: "box",
  };
}

/** Each once with how often it stands there, the most frequent first. */
function tally<T>(list: readonly T[]): [T, number][] {
  const counts = new Map<T, number>();
  for (const each of list) counts.set(each, (counts.get(each) ?? 0) + 1);
  return [...counts].sort((x, y) => y[1] - x[1]);
}
