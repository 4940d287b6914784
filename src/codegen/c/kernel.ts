/**
 * A lowered program as the C file of a native kernel.
 *
 * Each tile copies its rows in, runs every stage (a function of its own), and copies its results out. Sums over rows
 * start at 0 with every chunk of rows, and are added to the chunk's place every so many rows.
 */

import type { Lowered } from "../../lower/loops.ts";
import type { Layout } from "../layout.ts";
import { type COptions, cBody } from "./body.ts";
import { preludeText } from "./prelude.ts";
import { plainRowsText, rowsText, streamText } from "./rows.ts";
import { exportsText, runText } from "./run.ts";
import { keepSumsText } from "./sums.ts";

/** A source file and how to lay out memory for it. */
export interface CKernel {
  readonly source: string;
  readonly layout: Layout;
  /** Constants are part of the source: no bytes. */
  readonly constants: Uint8Array;
  /** Bytes of bound memory. */
  readonly end: number;
  /** Bytes of scratch one thread needs, slack for alignment included. */
  readonly scratchBytes: number;
  /** Lanes of a vector. */
  readonly width: number;
}

/** Writes the file of a lowered program. */
export function cKernel(lowered: Lowered, options: COptions): CKernel {
  const { text, shape, layout, width, scratch, sumBytes, direct } = cBody(lowered, {
    ...options,
    byCells: true,
  });
  const scratchBytes = scratch + Math.ceil(sumBytes / 64) * 64 + 128;
  const run = runText(lowered, { layout, scratch, sumBytes, direct });
  const exports = exportsText(lowered, { scratchBytes, sums: sumBytes > 0, bytes: layout.bytes });
  return {
    source: [
      preludeText(shape),
      ...(options.apart ? [plainRowsText] : [rowsText, streamText]),
      ...(sumBytes > 0 ? [keepSumsText(shape, layout)] : []),
      text,
      run,
      exports,
    ].join("\n"),
    layout,
    constants: new Uint8Array(0),
    end: layout.end,
    scratchBytes,
    width,
  };
}
