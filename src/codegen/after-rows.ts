/**
 * Sums over rows in embedded functions: what the languages share.
 *
 * A kernel's lanes add few rows each before they are added to float64 totals, one after the other; a program of one row, whose
 * inputs are all totals, then shared inputs, gives the results.
 */

import type { Buffer, Lowered } from "../lower/loops.ts";
import { sumCells } from "../lower/sums.ts";

/** Rows that a lane adds up in the kernel's width. */
export const LANE_ROWS = 256;

/** What follows the rows: its constants' values, and the names of its results. */
export interface AfterRows {
  readonly lowered: Lowered;
  readonly bound: ReadonlyMap<Buffer, Float64Array>;
}

/** JavaScript that fills in the blocks below the diagonals of symmetric sums in the array `totals`. */
export function mirrorLines({ sums, placement }: Lowered, totals: string): string[] {
  return sums.flatMap(({ buffer, symmetric }) => {
    if (symmetric === undefined) return [];
    const { size, block } = symmetric;
    const cell = (row: string, column: string): string =>
      `${totals}[${placement.get(buffer)} + ${row} * ${size} + ${column}]`;
    return [
      `for (let row = ${block}; row < ${size}; row++)`,
      `  for (let c = 0; c < row - (row % ${block}); c++) ${cell("row", "c")} = ${cell("c", "row")};`,
    ];
  });
}

/** Cells of all totals. */
export const totalCells = ({ sums }: Lowered): number => sumCells(sums);
