/**
 * A polynomial for each of 16 ranges.
 *
 * In: columns of coefficients, lowest power first, an index whose low bits choose the column's entry, the argument. Out:
 * Horner's rule; each look-up is written where it is used, since look-ups and multiply-adds that take turns keep all units busy.
 */

import type { TableLanes } from "../lanes.ts";

/** Σ columns[i][piece]·x^i. */
export function piecewise<V>(
  l: TableLanes<V>,
  columns: readonly (readonly number[])[],
  { piece, x }: { piece: V; x: V },
): V {
  const [last = [], ...lower] = [...columns].reverse();
  return lower.reduce((sum, column) => l.fma(sum, x, l.permute(column, piece)), l.permute(last, piece));
}
