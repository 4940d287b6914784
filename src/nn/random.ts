/**
 * Seeded random numbers that are the same on every machine.
 *
 * In: a seed and a stream. Out: integers, uniform and normal numbers. Always: only integer arithmetic, additions,
 * multiplications, divisions and comparisons are used, all of which IEEE 754 defines to the bit; no logarithms.
 */

import { UsageError } from "../errors.ts";

/** The four words of a generator, to be saved and resumed. */
export type RandomState = readonly [number, number, number, number];

/** A generator: xoshiro128** (Blackman and Vigna 2018), seeded through a mixing of 32-bit words. */
export class Random {
  readonly #words: Uint32Array;

  constructor(seed: number | RandomState, stream = 0) {
    if (typeof seed !== "number") {
      this.#words = Uint32Array.from(seed);
      return;
    }
    if (!Number.isSafeInteger(seed) || seed < 0)
      throw new UsageError("JR800", `a seed is a whole number ≥ 0, got ${seed}`);
    const mix = mixer([seed >>> 0, Math.floor(seed / 2 ** 32), stream >>> 0]);
    this.#words = Uint32Array.from({ length: 4 }, mix);
  }

  get state(): RandomState {
    const [a = 0, b = 0, c = 0, d = 0] = this.#words;
    return [a, b, c, d];
  }

  /** A whole number in [0, 2³²). */
  word(): number {
    // By index: taking a typed array apart makes an iterator, and words are drawn by the million.
    const s = this.#words as unknown as [number, number, number, number];
    const s0 = s[0];
    const s1 = s[1];
    const s2 = s[2];
    const s3 = s[3];
    const result = Math.imul(rotated(Math.imul(s1, 5), 7), 9) >>> 0;
    s[0] = s0 ^ s3 ^ s1;
    s[1] = s1 ^ s2 ^ s0;
    s[2] = s2 ^ s0 ^ (s1 << 9);
    s[3] = rotated(s3 ^ s1, 11);
    return result;
  }

  /** A number in [0, 1) with 53 random bits. */
  uniform(): number {
    return ((this.word() >>> 5) * 2 ** 26 + (this.word() >>> 6)) / 2 ** 53;
  }

  /** A whole number in [0, count). */
  below(count: number): number {
    return Math.floor(this.uniform() * count);
  }

  /** A normal number of mean 0 and variance 1: Karney's algorithm N (2016), which only compares uniform numbers. */
  normal(): number {
    for (;;) {
      let k = 0;
      while (this.#decays(0.5)) k++;
      if (!this.#allDecay(k * (k - 1), 0.5)) continue;
      const x = this.uniform();
      if (!this.#allDecay(k + 1, (x * (2 * k + x)) / (2 * k + 2))) continue;
      return this.word() < 2 ** 31 ? k + x : -(k + x);
    }
  }

  /** Puts the numbers in a random order (Fisher and Yates). */
  shuffle(items: Int32Array | number[]): void {
    for (let last = items.length - 1; last > 0; last--) {
      const other = this.below(last + 1);
      const kept = items[last] as number;
      items[last] = items[other] as number;
      items[other] = kept;
    }
  }

  #allDecay(times: number, p: number): boolean {
    for (let i = 0; i < times; i++) if (!this.#decays(p)) return false;
    return true;
  }

  /** True with probability e^−p, 0 ≤ p ≤ 1: the run p > u₁ > u₂ > … has even length (von Neumann 1951). */
  #decays(p: number): boolean {
    let [even, bound] = [true, p];
    for (let u = this.uniform(); u < bound; u = this.uniform()) {
      bound = u;
      even = !even;
    }
    return even;
  }
}

function rotated(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}

/** Words that depend on every bit of the seeds (the finisher of MurmurHash3 over a counter). */
function mixer(seeds: readonly number[]): () => number {
  let state = 0x9e3779b9;
  const next = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    return finished(state);
  };
  for (const seed of seeds) state = finished(state ^ finished((seed + 0x85ebca6b) >>> 0));
  return next;
}

function finished(word: number): number {
  let h = word ^ (word >>> 16);
  h = Math.imul(h, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
