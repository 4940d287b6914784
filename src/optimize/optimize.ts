/**
 * The optimizer: passes from program to program, repeated while they shrink it.
 *
 * In: a program, and which passes. Out: an equal program, as small as the passes get it. What no output reads is gone
 * (programs are reached from their outputs), equal values are shared (the builder sees to it).
 */

import { nodesOf } from "../ir/graph.ts";
import type { Program } from "../ir/types.ts";
import { simplify } from "./algebra.ts";
import { foldConstants } from "./fold.ts";

export { simplify } from "./algebra.ts";
export { foldConstants } from "./fold.ts";
export { dropStopGradients, inlineCalls, unrollScans } from "./inlining.ts";

/** Program to equal program. */
export type Pass = (program: Program) => Program;

/** What `optimize` runs unless told otherwise. */
export const defaultPasses: readonly Pass[] = [foldConstants, simplify];

const MOST_ROUNDS = 4;

/** The program after rounds of passes, until a round no longer shrinks it. */
export function optimize(program: Program, passes: readonly Pass[] = defaultPasses): Program {
  let best = program;
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const next = passes.reduce((current, pass) => pass(current), best);
    const shrunk = nodesOf(next).length < nodesOf(best).length;
    best = next;
    if (round > 0 && !shrunk) break;
  }
  return best;
}
