/** How many rows a tile of native code holds. */

import type { Lowered } from "../../lower/loops.ts";
import type { Registers } from "./target.ts";

/** Scratch of a thread should stay in half of a common second-level cache. */
const SECOND_LEVEL = 512 * 1024;

/** As many rows as blocks of products want, fewer if the cache cannot hold them or there never are as many. */
export function tileRowsFor(
  lowered: Lowered,
  { machine, mostRows }: { machine: Registers; mostRows: number },
): number {
  const { width, blocking } = machine;
  const rowBytes = lowered.scratchCells * (lowered.dtype === "f32" ? 4 : 8);
  let vectors = blocking.vectors;
  while (vectors > 1 && vectors * width * rowBytes > SECOND_LEVEL) vectors = Math.ceil(vectors / 2);
  while (vectors > 1 && (vectors - 1) * width >= mostRows) vectors--;
  return vectors * width;
}
