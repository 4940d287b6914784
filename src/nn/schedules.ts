/**
 * Learning-rate schedules and early stopping: small pure functions of how far training has come.
 *
 * In: the epoch (fractions within one count) and the number of epochs. Out: a factor on the optimiser's rate, or whether
 * to stop.
 */

import { number, positive } from "../trace/option-rules.ts";
import { checkOptions } from "../trace/options.ts";

/** How far training has come. */
export interface Progress {
  /** Epochs done, with the fraction of the running one. */
  readonly epoch: number;
  /** Epochs asked for. */
  readonly epochs: number;
}

/** A factor on the optimiser's rate. */
export type Schedule = (progress: Progress) => number;

/** Always 1. */
export const constantRate = (): Schedule => () => 1;

/** Multiplied by `factor` after every `every` epochs. */
export function stepDecay(options: { every: number; factor?: number }): Schedule {
  checkOptions("stepDecay", { every: positive, factor: number }, options);
  const { every, factor = 0.1 } = options;
  return ({ epoch }) => factor ** Math.floor(epoch / every);
}

/** From 1 down to `end` at the last epoch, by equal ratios. */
export function exponentialDecay(options: { end: number }): Schedule {
  checkOptions("exponentialDecay", { end: number }, options);
  const { end } = options;
  return ({ epoch, epochs }) => end ** (epoch / epochs);
}

/** From 1 down to `end` along half a cosine, after rising from 0 over `warmup` epochs. */
export function cosineDecay(options: { end?: number; warmup?: number } = {}): Schedule {
  checkOptions("cosineDecay", { end: number, warmup: number }, options);
  const { end = 0, warmup = 0 } = options;
  return ({ epoch, epochs }) => {
    if (epoch < warmup) return epoch / warmup;
    const done = Math.min(1, (epoch - warmup) / Math.max(epochs - warmup, 1e-9));
    return end + ((1 - end) * (1 + Math.cos(Math.PI * done))) / 2;
  };
}

/** When to give up: after `patience` epochs without a loss lower by more than `least`. */
export interface Stopping {
  readonly patience: number;
  readonly least?: number;
}

/** The lowest loss so far and the epochs since. */
export interface BestSoFar {
  readonly loss: number;
  readonly since: number;
}

/** Before the first epoch. */
export const nothingYet: BestSoFar = Object.freeze({ loss: Number.POSITIVE_INFINITY, since: 0 });

/** After one more epoch. */
export function updatedBest(best: BestSoFar, loss: number, least = 0): BestSoFar {
  return loss < best.loss - least ? { loss, since: 0 } : { loss: best.loss, since: best.since + 1 };
}
