/**
 * How sums over rows are split and joined, the same on every target.
 *
 * Rows are cut into at most 16 ranges that depend on n alone; each range has its own partial sum, and the partial sums
 * are joined pairwise in a fixed tree. So the result does not depend on threads or tiles.
 */

/** Most partial sums of one row sum. */
export const MOST_PARTIAL_SUMS = 16;
/** Ranges start at multiples of this many rows, so no tile of rows is cut. */
export const RANGE_GRAIN = 256;

/** First and one-past-last row of a range. */
export interface RowRange {
  readonly start: number;
  readonly end: number;
}

/** The ranges of n rows, in order; none for n = 0. */
export function rowRanges(n: number): RowRange[] {
  const rows = Math.ceil(n / (MOST_PARTIAL_SUMS * RANGE_GRAIN)) * RANGE_GRAIN;
  const ranges: RowRange[] = [];
  for (let start = 0; start < n; start += rows) ranges.push({ start, end: Math.min(start + rows, n) });
  return ranges;
}

/** The sum of partial sums of `size` cells each: neighbours are added until one is left; zeros if there is none. */
export function joinPartialSums(partials: readonly Float64Array[], size: number): Float64Array {
  let level = [...partials];
  while (level.length > 1) {
    const next: Float64Array[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [left, right] = [level[i] as Float64Array, level[i + 1]];
      next.push(right === undefined ? left : left.map((x, cell) => x + (right[cell] as number)));
    }
    level = next;
  }
  return level[0] ?? new Float64Array(size);
}
