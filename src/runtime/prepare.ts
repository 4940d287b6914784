/**
 * From a program as traced or planned to what lowering takes.
 *
 * In: a program without Jacobian nodes. Out: an equal one, optimized, where only calls with kernels of their own are
 * left, scans are unrolled, and gradient stops are gone.
 */

import { UnsupportedError } from "../errors.ts";
import { nodesOf } from "../ir/graph.ts";
import type { Program } from "../ir/types.ts";
import { dropStopGradients, inlineCalls, optimize, unrollScans } from "../optimize/optimize.ts";

/** Stable functions that lanes compute directly. */
const KERNELS: ReadonlySet<string> = new Set(["sigmoid", "softplus"]);
/** Nodes that unrolled scans may come to. */
const UNROLL_LIMIT = 20_000;

/** The program to lower. */
export function prepared(program: Program): Program {
  const flat = dropStopGradients(inlineCalls(program, (name) => KERNELS.has(name)));
  const unrolled = unrollScans(flat, UNROLL_LIMIT);
  const scan = nodesOf(unrolled).find((node) => node.op === "scan");
  if (scan !== undefined) {
    const place = scan.origin === undefined ? "" : ` (${scan.origin.name})`;
    throw new UnsupportedError(
      "JR890",
      `a scan${place} of more than ${UNROLL_LIMIT} steps × nodes: use fewer steps`,
    );
  }
  return optimize(unrolled);
}
