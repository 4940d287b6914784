/** The shape of vectors in generated C. */

import type { Dtype } from "../../lower/lanes.ts";

/** How wide, and of what. */
export interface VectorShape {
  readonly dtype: Dtype;
  readonly vectorBytes: number;
}

/** Lanes of a vector. */
export function lanesOf({ dtype, vectorBytes }: VectorShape): number {
  return vectorBytes / (dtype === "f32" ? 4 : 8);
}

/** `item(lane)` for every lane, separated by commas. */
export function perLane(shape: VectorShape, item: (lane: number) => string): string {
  return Array.from({ length: lanesOf(shape) }, (_, lane) => item(lane)).join(", ");
}
