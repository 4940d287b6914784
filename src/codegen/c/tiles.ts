/** How many rows a tile of native code holds. */

import type { Lowered } from "../../lower/loops.ts";
import { farDepth } from "../layout.ts";
import type { Registers } from "./target.ts";

/** Scratch of a thread should stay in half of a common second-level cache. */
const SECOND_LEVEL = 512 * 1024;

/** As many rows as blocks of products want, twice as many where there are none; fewer if the cache cannot hold them, but weights can be read that often. */
export function tileRowsFor(
  lowered: Lowered,
  { machine, tileBytes = SECOND_LEVEL }: { machine: Registers; tileBytes?: number | undefined },
): number {
  const { width, blocking } = machine;
  const rowBytes = lowered.scratchCells * (lowered.dtype === "f32" ? 4 : 8);
  const hasProducts = lowered.stages.some((stage) => stage.kind !== "nest");
  let vectors = hasProducts ? blocking.vectors : 2 * blocking.vectors;
  while (vectors > 1 && farDepth(lowered) === 0 && vectors * width * rowBytes > tileBytes)
    vectors = Math.ceil(vectors / 2);
  return vectors * width;
}
