/**
 * The optimizer: passes from program to program, repeated while they change it.
 *
 * In: a program, and which passes. Out: an equal program, as small as the passes get it. What no output reads is gone
 * (programs are reached from their outputs), equal values are shared (the builder sees to it).
 */

import type { Program } from "../ir/types.ts";
import { simplify } from "./algebra.ts";
import { foldConstants } from "./fold.ts";
import { pruneScans } from "./prune-scans.ts";

export { simplify } from "./algebra.ts";
export { foldConstants } from "./fold.ts";
export { hoistScans } from "./hoist-scans.ts";
export { dropStopGradients, inlineCalls, unrollScans } from "./inlining.ts";
export { pruneScans } from "./prune-scans.ts";

/** Program to equal program. */
export type Pass = (program: Program) => Program;

/** What `optimize` runs unless told otherwise. */
export const defaultPasses: readonly Pass[] = [foldConstants, simplify, pruneScans];

const MOST_ROUNDS = 4;

/** The program after rounds of passes, until a round changes nothing. */
export function optimize(program: Program, passes: readonly Pass[] = defaultPasses): Program {
  let best = program;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = passes.reduce((current, pass) => pass(current), best);
    if (next === best) break;
    best = next;
  }
  return best;
}
