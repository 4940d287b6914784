/** Ranges as Python writes them: `10:20`, `:20`, `-5:`, of a known length. */

import type { RowRange } from "../data/read-file.ts";
import { UsageError } from "../errors.ts";

/** `--rows A:B` of n rows; all rows without it. Throws a `UsageError` where the range leaves the file. */
export function rangeOf(text: string | undefined, n: number): RowRange {
  if (text === undefined) return { start: 0, end: n };
  const range = pythonRange(text, n);
  if (range === undefined)
    throw new UsageError("JR607", `--rows takes A:B, such as 0:100, :100 or -100:; got "${text}"`);
  if (range.start >= 0 && range.end <= n && range.start <= range.end) return range;
  throw new UsageError("JR607", `--rows ${text} is not within the file, which has rows 0:${n}`);
}

/** A range or a single index; undefined where the text is neither. */
export function pythonRange(text: string, length: number): RowRange | undefined {
  const [, from, colon, to] = /^(-?\d+)?(:)?(-?\d+)?$/.exec(text.trim()) ?? [];
  const place = (digits: string): number => (Number(digits) < 0 ? length + Number(digits) : Number(digits));
  if (colon === undefined) {
    if (from === undefined || to !== undefined) return undefined;
    return { start: place(from), end: place(from) + 1 };
  }
  return { start: from === undefined ? 0 : place(from), end: to === undefined ? length : place(to) };
}
