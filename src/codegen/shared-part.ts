/**
 * What a kernel of an embedded function reads that shared inputs determine: computed once per call, before the rows.
 *
 * In and out: a lowered program of one row, whose row inputs are the shared inputs and whose outputs are bound cells of the
 * rows' program, and where each output goes.
 */

import type { Cell } from "../ir/types.ts";
import type { Buffer, Lowered } from "../lower/loops.ts";

/** The program, and a place for each of its outputs. */
export interface SharedPart {
  readonly lowered: Lowered;
  readonly places: readonly SharedPlace[];
}

/** Bound cells of the rows' program: the whole of a buffer, or what the layout makes of it at a byte address. */
export interface SharedPlace {
  readonly buffer: Buffer;
  /** 0 without a layout. */
  readonly address: number;
  readonly cells: number;
  readonly cell: Cell;
}
