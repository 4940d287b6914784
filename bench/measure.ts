/** Timing: repeated calls within a budget, summarised by order statistics. */

/** Milliseconds of one call. */
export interface Timing {
  readonly median: number;
  readonly minimum: number;
  readonly p999: number;
  readonly maximum: number;
  readonly calls: number;
}

/** Figures of a list of durations. */
export function summarize(durations: readonly number[]): Timing {
  const sorted = [...durations].sort((a, b) => a - b);
  const quantile = (q: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
  return {
    median: quantile(0.5),
    minimum: quantile(0),
    p999: quantile(0.999),
    maximum: quantile(1),
    calls: sorted.length,
  };
}

/**
 * Times `call` until the budget is spent: 5 calls at least (2 of calls longer than the budget), at most `most`. A fifth of the budget
 * goes before: after some thousand calls V8 has compiled what they run, and new arrays no longer take new pages.
 */
export async function time(
  call: () => unknown,
  { budget = 1000, most = 2000 }: { budget?: number; most?: number } = {},
): Promise<Timing> {
  const durations: number[] = [];
  const run = async (): Promise<number> => {
    const start = performance.now();
    await call();
    return performance.now() - start;
  };
  const least = (await run()) > budget ? 2 : 5;
  const warm = performance.now() + budget / 5;
  while (performance.now() < warm) await run();
  const end = performance.now() + budget;
  while (durations.length < least || (performance.now() < end && durations.length < most))
    durations.push(await run());
  return summarize(durations);
}

/** The same for a call that is done when it returns. */
export function timeSync(
  call: () => void,
  { budget = 1000, most = 100_000 }: { budget?: number; most?: number } = {},
): Timing {
  const durations = new Float64Array(most);
  for (let calls = 0; calls < Math.min(most, 2000); calls++) call();
  const end = performance.now() + budget;
  let calls = 0;
  while (calls < most && (calls < 5 || performance.now() < end)) {
    const start = performance.now();
    call();
    durations[calls++] = performance.now() - start;
  }
  return summarize(Array.from(durations.subarray(0, calls)));
}

/** max |a − b| / max |b|. */
export function relativeError(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let [gap, size] = [0, 0];
  for (let index = 0; index < a.length; index++) {
    const difference = Math.abs((a[index] as number) - (b[index] as number));
    gap = Number.isNaN(difference) ? Number.POSITIVE_INFINITY : Math.max(gap, difference);
    size = Math.max(size, Math.abs(b[index] as number));
  }
  return gap / size;
}
