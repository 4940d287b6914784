/** Sparsity patterns as users see them: coordinates, and where each row's entries start (CSR). */

import type { Pattern } from "../autodiff/index.ts";
import type { SparsityPattern } from "./types.ts";

/** The pattern with its CSR view. */
export function withRowStarts({ shape, rows, columns }: Pattern): SparsityPattern {
  const rowStarts = new Int32Array(shape[0] + 1);
  for (const row of rows) rowStarts[row + 1] = (rowStarts[row + 1] as number) + 1;
  for (let row = 0; row < shape[0]; row++) {
    rowStarts[row + 1] = (rowStarts[row + 1] as number) + (rowStarts[row] as number);
  }
  return { shape, rows, columns, rowStarts };
}
