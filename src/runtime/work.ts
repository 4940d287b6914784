/** How much work a program is, by counting: what is decided by it is decided the same way on every run. */

import { countNodes } from "../autodiff/index.ts";
import type { Program } from "../ir/types.ts";

/** Operations of one row, weighted by what they take on a lane. */
export function workOf({ outputs }: Program): number {
  return countNodes(outputs.map(({ value }) => value)).cost;
}

/** Calls of fewer operations are run at once, on the calling thread: another one costs about as much. */
export const SHORT_WORK = 1e7;
