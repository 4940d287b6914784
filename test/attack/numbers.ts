/** Numbers for hostile tests: equal draws everywhere, bits of arrays, deviations of tensors. */

/** Rows as `jacrow` takes them. */
export interface Rows {
  readonly data: Float64Array | Float32Array;
  readonly shape: readonly number[];
}

/** Draws from (−1, 1), equal for equal seeds. */
export function uniform(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state / 2 ** 32) * 2 - 1;
  };
}

/** An array's bytes as text; every NaN is the same. */
export function bitsOf(data: Float64Array | Float32Array): string {
  return Array.from(data, (value) => (Object.is(value, -0) ? "-0" : String(value))).join(" ");
}

/** max |a − b| / max |b|; ∞ where lengths differ or a number is NaN on one side. */
export function deviation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let [largest, scale] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    const gap = Math.abs((a[i] as number) - (b[i] as number));
    largest = Math.max(largest, Number.isNaN(gap) ? Number.POSITIVE_INFINITY : gap);
    scale = Math.max(scale, Math.abs(b[i] as number));
  }
  return largest === 0 ? 0 : largest / scale;
}
