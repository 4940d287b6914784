/**
 * Code for few rows, which run one after the other with lanes along features: who writes it.
 *
 * `features.ts` is provided by Node's entry points and by jacrow/nn. Small pages do without.
 */

import type { Lowered, Product } from "../lower/loops.ts";
import type { withSlicedOutput } from "../lower/sliced-output.ts";
import type { emitStage } from "./emit.ts";
import type { Target } from "./target.ts";

/** Writes stages whose lanes lie along features. */
export interface FeatureCode {
  readonly emit: typeof emitStage;
  /** Rows of weights that a product reads side by side. */
  panelRows(product: Product, machine: Pick<Target<unknown, unknown>, "width" | "registers">): number;
  /** Up to how many rows are best run so, for vectors of `width` lanes; 0: none, infinity: all. */
  mostRows(lowered: Lowered, width: number): number;
  /** Wide results in slices, for rows however many: what small pages do without as well. */
  readonly slices: typeof withSlicedOutput;
}

let known: FeatureCode | undefined;

/** Makes such code known. */
export function registerFeatureCode(code: FeatureCode): void {
  known = code;
}

/** The code for few rows, where there is any. */
export function featureCode(): FeatureCode | undefined {
  return known;
}
