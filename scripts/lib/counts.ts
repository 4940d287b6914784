/**
 * Counts of a test run and the line that shows them.
 *
 * In: numbers. Out: `N passed, N failed, N skipped`, the last line of every run.
 * Always: sums are over runs, so a test that runs on two versions of Node counts twice.
 */

/** How many tests ended how. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The counts of several runs together. */
export function sum(runs: readonly Counts[]): Counts {
  const total = (field: keyof Counts): number => runs.reduce((so, counts) => so + counts[field], 0);
  return { passed: total("passed"), failed: total("failed"), skipped: total("skipped") };
}

/** The line that ends a run. */
export function countsLine({ passed, failed, skipped }: Counts): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
