/**
 * From a program as traced or planned to what lowering takes.
 *
 * In: a program without Jacobian nodes. Out: an equal one, optimized, where only calls with kernels of their own are
 * left, short scans are unrolled, and gradient stops are gone.
 */

import { featureCode } from "../codegen/few-rows.ts";
import type { Program } from "../ir/types.ts";
import { lower } from "../lower/index.ts";
import type { Dtype } from "../lower/lanes.ts";
import type { Lowered } from "../lower/loops.ts";
import { dropStopGradients, hoistScans, inlineCalls, optimize, unrollScans } from "../optimize/optimize.ts";
import { withoutSmallContractions } from "../optimize/scalarise.ts";

/** Stable functions that lanes compute directly. */
const KERNELS: ReadonlySet<string> = new Set(["sigmoid", "softplus"]);
/** Nodes that an unrolled scan may come to: more are a loop, which is as fast from about there (measured: RK4 of a pendulum). */
const UNROLLED_NODES = 200;

/** The program to lower, of rows side by side. */
export function loweredOf(program: Program, dtype: Dtype): Lowered {
  return lower(prepared(program), { dtype, slices: featureCode()?.slices });
}

/** The program to lower. */
export function prepared(program: Program): Program {
  const flat = dropStopGradients(inlineCalls(program, (name) => KERNELS.has(name)));
  return hoistScans(withoutSmallContractions(optimize(unrollScans(flat, UNROLLED_NODES))));
}
