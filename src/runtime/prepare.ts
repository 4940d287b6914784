/**
 * From a program as traced or planned to what lowering takes: optimized, with calls and scans expanded.
 */

import type { Program } from "../ir/types.ts";

/** The program to lower. */
export function prepared(program: Program): Program {
  return program;
}
