/**
 * The picture of a plan: the graph with the plan drawn on it, and above it what the plan costs beside the plain modes.
 *
 * In: a report and what planning left. Out: SVG text. Always: every value is there, alone or in a group with its number.
 * Node's entry points provide it to `explain`, pages do not carry it.
 */

import {
  type How,
  type PlanGraph,
  type PlanMaterial,
  type PlanReport,
  planGraph,
  planNotes,
} from "../autodiff/index.ts";
import { registerPicture } from "./explain.ts";
import { layered, type Size } from "./graph-layout.ts";
import { CHIPS, type Drawing, drawingOf, FILLS } from "./plan-boxes.ts";
import { bar, dashes, drawn, moved, page, sizeOfBox, textAt, textWidth } from "./svg.ts";

const SPACING = { layer: 30, gap: 24 } as const;
const LEAST_WIDTH = 620;
const LINE = 18;
/** Where bars start and how long the longest is. */
const BAR = { x: 150, width: 260, height: 12 } as const;
const SWATCH = { width: 18, height: 12 } as const;
const FAINT = "#555555";

const WAYS: Readonly<Record<How, string>> = {
  forward: "forward",
  reverse: "reverse",
  cut: "cut: both sides multiplied",
  inside: "inside first",
};

/** The picture as SVG. */
export function planPicture(name: string, report: PlanReport, material: PlanMaterial): string {
  const graph = planGraph(material);
  const drawing = drawingOf(graph);
  const { boxes, edges, lines } = drawing;
  const layout = layered(boxes.map(sizeOfBox), edges, SPACING);
  const panel = panelOf(name, report);
  const legend = legendOf(graph, drawing, Math.max(layout.width, panel.width));
  const width = Math.max(layout.width, panel.width, legend.width);
  const top = panel.height + legend.height + 34;
  return page({ width, height: top + layout.height }, [
    ...panel.parts,
    ...moved(legend.parts, { x: 0, y: panel.height + 8 }),
    ...moved(drawn(boxes, layout, lines), { x: (width - layout.width) / 2, y: top }),
  ]);
}

interface Panel extends Size {
  readonly parts: readonly string[];
}

/** Title, cost bars, steps, structure: one line each. */
function panelOf(name: string, report: PlanReport): Panel {
  const rows = costRows(report);
  const most = Math.max(1, ...rows.map(({ cost }) => cost));
  const notes = planNotes(report);
  const barTop = 34;
  const noteTop = barTop + rows.length * LINE + 8;
  const parts = [
    textAt(`${name}: ${report.order}`, { x: 0, y: 14, size: 16, anchor: "start", bold: true }),
    ...rows.flatMap((row, index) => costRow(row, { most, y: barTop + index * LINE })),
    ...notes.map((note, index) =>
      textAt(note, { x: 0, y: noteTop + index * LINE + 12, size: 12, fill: FAINT, anchor: "start" }),
    ),
  ];
  const width = Math.max(
    LEAST_WIDTH,
    textWidth(`${name}: ${report.order}`, 17),
    ...notes.map((n) => textWidth(n, 12)),
  );
  return { parts, width, height: noteTop + notes.length * LINE };
}

interface CostRow {
  readonly title: string;
  readonly cost: number;
  readonly text: string;
  readonly fill: string;
}

/** Forward, reverse, and the plan if it is another. */
function costRows({ alternatives, order, counts }: PlanReport): CostRow[] {
  const row = (title: string, own: PlanReport["counts"], fill: string): CostRow => {
    const { multiplications, additions, divisions } = own;
    const divided = divisions === 0 ? "" : `, ${short(divisions)} divisions`;
    const text = `${short(multiplications)} multiplications, ${short(additions)} additions${divided}`;
    return { title, cost: multiplications, text, fill };
  };
  const modes = (["forward", "reverse"] as const).flatMap((mode) => {
    const own = alternatives.find(({ name }) => name === mode);
    const title = mode === order ? `${mode}, the plan` : `${mode} mode`;
    return own === undefined ? [] : [row(title, own.counts, FILLS[mode])];
  });
  if (order === "forward" || order === "reverse") return modes;
  return [...modes, row("the plan", counts, FILLS.cut)];
}

function costRow({ title, cost, text, fill }: CostRow, { most, y }: { most: number; y: number }): string[] {
  const width = Math.max(1, (cost / most) * BAR.width);
  return [
    textAt(title, { x: 0, y: y + 10, size: 12, anchor: "start" }),
    bar({ x: BAR.x, y, width, height: BAR.height }, { fill, stroke: "#888888" }),
    textAt(text, { x: BAR.x + width + 8, y: y + 10, size: 12, fill: FAINT, anchor: "start" }),
  ];
}

/** 1234567 as 1.23 M. */
function short(count: number): string {
  const [scale, mark] = count >= 1e9 ? [1e9, " G"] : count >= 1e6 ? [1e6, " M"] : [1, ""];
  return scale === 1 ? String(count) : `${Number((count / scale).toPrecision(3))}${mark}`;
}

/** What colours and lines mean, those that occur; in as many rows as the width asks for. */
function legendOf({ vertices }: PlanGraph, { boxes, lines, grouped }: Drawing, most: number): Panel {
  const ways = (Object.keys(WAYS) as How[]).filter((way) => vertices.some(({ how }) => how === way));
  const hasChip = (fill: string): boolean => boxes.some((box) => box.shape === "chip" && box.fill === fill);
  const entries: readonly (readonly [string, string])[] = [
    ...ways.map((way) => [FILLS[way], WAYS[way]] as const),
    ...(hasChip(CHIPS.row) ? [[CHIPS.row, "numbers of each row"] as const] : []),
    ...(hasChip(CHIPS.bound) ? [[CHIPS.bound, "weights, known at bind"] as const] : []),
    ...(lines.some(({ dashed }) => dashed) ? [["", "nothing to multiply"] as const] : []),
    ...(grouped ? [] : [["#444444", "when eliminated"] as const]),
  ];
  const parts: string[] = [];
  let [x, y, width] = [0, 0, 0];
  for (const [fill, text] of entries) {
    const own = textWidth(text, 10) + 40;
    if (x > 0 && x + own > most) [x, y] = [0, y + LINE];
    parts.push(fill === "" ? dashes(x, y + 6) : bar({ x, y, ...SWATCH }, { fill, stroke: "#888888" }));
    parts.push(textAt(text, { x: x + 24, y: y + 10, size: 11, fill: FAINT, anchor: "start" }));
    x += own;
    width = Math.max(width, x);
  }
  return { parts, width, height: y + LINE };
}

/** Makes pictures known to `explain`. */
export function providePictures(): void {
  registerPicture(planPicture);
}
