/**
 * Text of an array, as numpy prints it.
 *
 * In: float data with a shape. Out: numpy's `str` (separator " ") or `repr` (separator ", ", with dtype). Always: columns
 * aligned, at most 8 fraction digits of the shortest exact decimal, corners only above 1000 elements, lines of at most 75.
 */

import { elementFormatter } from "./print-number.ts";
import { showShape } from "./shape.ts";

type Floats = Float32Array | Float64Array;

const EDGE = 3;
const THRESHOLD = 1000;
const LINE = 75;

/** How `formatArray` joins elements, and whether it wraps them as `array(…, dtype=…)`. */
export interface PrintOptions {
  readonly separator: " " | ", ";
  readonly repr?: boolean;
}

/** Prints `data` of `shape` by numpy's rules. */
export function formatArray(data: Floats, shape: readonly number[], options: PrintOptions): string {
  const summarise = data.length > THRESHOLD;
  const prefix = options.repr ? "array(" : "";
  const layout: Layout = {
    data,
    shape,
    separator: options.separator,
    indent: prefix.length,
    width: LINE - (options.repr ? 1 : 0),
    summarise,
    word: elementFormatter(shownElements(data, shape, summarise), data instanceof Float32Array),
  };
  const body = data.length === 0 ? "[]" : layoutAxis(layout, 0, 0);
  return options.repr ? `${prefix}${withExtras(body, data, shape)}` : body;
}

/** numpy adds the dtype unless it is the default one, and the shape where the brackets do not show it. */
function withExtras(body: string, data: Floats, shape: readonly number[]): string {
  const extras: string[] = [];
  const single = data instanceof Float32Array;
  const isEmptyVector = shape.length === 1 && shape[0] === 0;
  if ((data.length === 0 && !isEmptyVector) || data.length > THRESHOLD) {
    extras.push(`shape=${showShape(shape)}`);
  }
  if (single || data.length === 0) extras.push(`dtype=${single ? "float32" : "float64"}`);
  if (extras.length === 0) return `${body})`;
  const tail = `${extras.join(", ")})`;
  const lastLine = body.slice(body.lastIndexOf("\n") + 1);
  const lineLength = lastLine.length + (body.includes("\n") ? 0 : "array(".length) + 1;
  return `${body},${lineLength + tail.length + 1 > LINE ? "\n      " : " "}${tail}`;
}

/** The elements that will be shown: all of them, or the corners of a summarised array. */
function shownElements(data: Floats, shape: readonly number[], summarise: boolean): number[] {
  if (!summarise) return Array.from(data);
  const shown: number[] = [];
  const walk = (axis: number, offset: number): void => {
    const length = shape[axis];
    if (length === undefined) shown.push(data[offset] as number);
    else for (const i of shownIndices(length, true)) if (i !== "...") walk(axis + 1, offset * length + i);
  };
  walk(0, 0);
  return shown;
}

/** Which indices of an axis appear, with "..." for those left out. */
function shownIndices(length: number, summarise: boolean): (number | "...")[] {
  if (!summarise || length <= 2 * EDGE) return Array.from({ length }, (_, i) => i);
  return [0, 1, 2, "...", length - 3, length - 2, length - 1];
}

interface Layout {
  readonly data: Floats;
  readonly shape: readonly number[];
  readonly separator: string;
  /** Columns before the first bracket, and the end of a line. */
  readonly indent: number;
  readonly width: number;
  readonly summarise: boolean;
  readonly word: (value: number) => string;
}

/** The axis-by-axis text with its brackets; `offset` counts sub-arrays of this axis from the start. */
function layoutAxis(layout: Layout, axis: number, offset: number): string {
  const { shape, separator } = layout;
  const length = shape[axis];
  if (length === undefined) return layout.word(layout.data[offset] as number);
  const words = shownIndices(length, layout.summarise).map((i) =>
    i === "..." ? i : layoutAxis(layout, axis + 1, offset * length + i),
  );
  if (axis === shape.length - 1) return `[${fillLines(layout, words)}]`;
  const gap =
    separator.trimEnd() + "\n".repeat(shape.length - axis - 1) + " ".repeat(layout.indent + axis + 1);
  return `[${words.join(gap)}]`;
}

/** Joins the words of one innermost row, breaking lines where the next word and the closing brackets would not fit. */
function fillLines({ separator, indent, width, shape }: Layout, words: string[]): string {
  const start = " ".repeat(indent + shape.length);
  const end = width - shape.length;
  let text = "";
  let line = start;
  words.forEach((word, i) => {
    if (line.length + word.length > end && line.length > start.length) {
      text += `${line.trimEnd()}\n`;
      line = start;
    }
    line += word + (i < words.length - 1 ? separator : "");
  });
  return (text + line).slice(start.length);
}
