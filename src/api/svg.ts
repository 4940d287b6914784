/**
 * Boxes and lines as SVG: what the pictures of models and plans are drawn with.
 *
 * In: boxes, and a layout of them. Out: SVG text. Always: a light ground of its own, so that it reads on dark pages too; every
 * text is escaped; every box has a tooltip.
 */

import { at } from "../ir/shape.ts";
import type { Layout, Point, Size } from "./graph-layout.ts";

/** A box before it has a place; a chip is the small label of a line. */
export interface Box {
  readonly title: string;
  readonly detail: string;
  readonly tooltip: string;
  readonly fill: string;
  readonly shape: "box" | "port" | "chip";
  readonly frame?: { readonly colour: string; readonly width: number };
  /** A short text on the corner. */
  readonly badge?: string;
}

/** How an edge is drawn. */
export interface Line {
  readonly dashed?: boolean;
  readonly width?: number;
  /** Leads to a chip: no arrow. */
  readonly plain?: boolean;
}

/** A text's place and look. */
export interface TextStyle {
  readonly x: number;
  readonly y: number;
  readonly size: number;
  readonly fill?: string;
  readonly anchor?: "start" | "middle" | "end";
  readonly bold?: boolean;
}

const HEIGHT = { box: 38, port: 38, chip: 17 } as const;
const MARGIN = 18;
const PAPER = "#ffffff";
const INK = "#111111";
const FAINT = "#555555";
const LINE = "#777777";
const FRAME = { colour: "#666666", width: 1 } as const;

/** About how wide a text is: a little above the mean of Helvetica's letters. */
export function textWidth(text: string, size: number): number {
  return text.length * size * 0.57;
}

/** What a box takes. */
export function sizeOfBox({ title, detail, shape }: Box): Size {
  const height = HEIGHT[shape];
  if (shape === "chip") return { width: textWidth(title, 10) + 12, height };
  return { width: Math.max(64, textWidth(title, 13) + 20, textWidth(detail, 10.5) + 20), height };
}

/** Lines, then boxes over them. */
export function drawn(boxes: readonly Box[], layout: Layout, lines: readonly Line[]): string[] {
  return [
    `<g fill="none" stroke="${LINE}" stroke-width="1.2">`,
    ...lines.map((line, index) => lineText(line, at(layout.routes, index))),
    "</g>",
    ...boxes.map((box, index) => boxText(box, at(layout.boxes, index))),
  ];
}

/** The whole picture: parts inside a margin. */
export function page(size: Size, parts: readonly string[]): string {
  const [width, height] = [size.width, size.height].map((side) => Math.ceil(side + 2 * MARGIN));
  const lines = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="Helvetica, Arial, sans-serif" text-anchor="middle">`,
    `<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0.5 8 4 0 7.5z" fill="${LINE}"/></marker></defs>`,
    `<rect width="${width}" height="${height}" rx="6" fill="${PAPER}"/>`,
    `<g transform="translate(${MARGIN} ${MARGIN})">`,
    ...parts,
    "</g>",
    "</svg>",
  ];
  return `${lines.join("\n")}\n`;
}

/** One line of text. */
export function textAt(text: string, { x, y, size, fill = INK, anchor, bold }: TextStyle): string {
  const more = `${anchor === undefined ? "" : ` text-anchor="${anchor}"`}${bold === true ? ' font-weight="bold"' : ""}`;
  return `<text x="${round(x)}" y="${round(y)}" font-size="${size}" fill="${fill}"${more}>${escaped(text)}</text>`;
}

/** Parts moved to another place. */
export function moved(parts: readonly string[], { x, y }: { x: number; y: number }): string[] {
  return [`<g transform="translate(${round(x)} ${round(y)})">`, ...parts, "</g>"];
}

/** A filled rectangle. */
export function bar(
  { x, y, width, height }: Size & { x: number; y: number },
  { fill, rx = 2, stroke }: { fill: string; rx?: number; stroke?: string },
): string {
  const edge = stroke === undefined ? "" : ` stroke="${stroke}" stroke-width="0.7"`;
  return `<rect x="${round(x)}" y="${round(y)}" width="${round(width)}" height="${round(height)}" rx="${rx}" fill="${fill}"${edge}/>`;
}

/** A short dashed line, for legends. */
export function dashes(x: number, y: number): string {
  return `<path d="M${round(x)} ${round(y)}h18" fill="none" stroke="${LINE}" stroke-width="1.2" stroke-dasharray="3 3"/>`;
}

function lineText({ dashed, width, plain }: Line, route: readonly Point[]): string {
  const dash = dashed === true ? ' stroke-dasharray="3 3"' : "";
  const thick = width === undefined ? "" : ` stroke-width="${round(width)}"`;
  return `<path d="${curve(route)}"${dash}${thick}${plain === true ? "" : ' marker-end="url(#tip)"'}/>`;
}

/** A curve that leaves and arrives vertically; through the layers between it goes straight down. */
function curve(route: readonly Point[]): string {
  const stops = route.flatMap(({ x, y, half }, index): { x: number; y: number }[] => {
    const [top, bottom] = [
      { x, y: y - half },
      { x, y: y + half },
    ];
    if (index === 0) return [bottom];
    return index === route.length - 1 ? [top] : [top, bottom];
  });
  return stops.reduce((path, { x, y }, index) => {
    const before = stops[index - 1];
    if (before === undefined) return `M${round(x)} ${round(y)}`;
    if (before.x === x) return `${path}V${round(y)}`;
    const middle = (before.y + y) / 2;
    return `${path}C${round(before.x)} ${round(middle)} ${round(x)} ${round(middle)} ${round(x)} ${round(y)}`;
  }, "");
}

function boxText(box: Box, { x, y }: Point): string {
  const { width, height } = sizeOfBox(box);
  const [left, top] = [x - width / 2, y - height / 2];
  const { colour, width: stroke } = box.frame ?? FRAME;
  const corner = box.shape === "box" ? 5 : height / 2;
  const rect = `<rect x="${round(left)}" y="${round(top)}" width="${round(width)}" height="${height}" rx="${corner}" fill="${box.fill}" stroke="${colour}" stroke-width="${stroke}"/>`;
  return `<g><title>${escaped(box.tooltip)}</title>${rect}${wordsOf(box, { x, top })}${badgeText(box, { left, top })}</g>`;
}

function wordsOf({ title, detail, shape }: Box, { x, top }: { x: number; top: number }): string {
  if (shape === "chip") return textAt(title, { x, y: top + 12.3, size: 10, fill: FAINT });
  const first = textAt(title, { x, y: top + (detail === "" ? 23 : 17), size: 13 });
  return detail === "" ? first : first + textAt(detail, { x, y: top + 31, size: 10.5, fill: FAINT });
}

function badgeText({ badge }: Box, { left, top }: { left: number; top: number }): string {
  if (badge === undefined) return "";
  const width = Math.max(17, textWidth(badge, 10) + 8);
  const mark = bar({ x: left - 8, y: top - 8, width, height: 17 }, { fill: "#444444", rx: 8.5 });
  return mark + textAt(badge, { x: left - 8 + width / 2, y: top + 4.2, size: 10, fill: PAPER });
}

const round = (value: number): string => String(Math.round(value * 10) / 10);

/** Text as XML has it; control characters, which XML has not, are left out. */
function escaped(text: string): string {
  const marks: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
  return text
    .replace(/\p{Cc}/gu, (mark) => (mark === "\n" ? mark : ""))
    .replace(/[&<>"]/g, (mark) => marks[mark] ?? mark);
}
