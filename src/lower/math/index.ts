/**
 * The table of elementary functions on lanes.
 *
 * In: a name and a `Lanes`. Out: an expression of lane operations, at most 2 ulp from the true value for every
 * argument, with the special values of C99 Annex F. Correct whether `fma` rounds once or twice.
 */

import type { Lanes } from "../lanes.ts";
import { erf } from "./error-function.ts";
import { exp, expm1, sigmoid, tanh } from "./exp.ts";
import { acosh, asinh, atanh, cosh, sinh } from "./hyperbolic.ts";
import { acos, asin, atan, atan2 } from "./inverse-trigonometric.ts";
import { log, log1p, softplus } from "./log.ts";
import { pow } from "./power.ts";
import { mod } from "./remainder.ts";
import { cos, sin, tan } from "./trigonometric.ts";

export { sincos } from "./trigonometric.ts";

/** A function of one lane value. */
export type UnaryFormula = <V>(l: Lanes<V>, x: V) => V;

/** A function of two lane values. */
export type BinaryFormula = <V>(l: Lanes<V>, x: V, y: V) => V;

/** Names of the functions of one argument. */
export type UnaryName =
  | "acos"
  | "acosh"
  | "asin"
  | "asinh"
  | "atan"
  | "atanh"
  | "cos"
  | "cosh"
  | "erf"
  | "exp"
  | "expm1"
  | "log"
  | "log1p"
  | "sigmoid"
  | "sin"
  | "sinh"
  | "softplus"
  | "tan"
  | "tanh";

/** Names of the functions of two arguments. */
export type BinaryName = "atan2" | "mod" | "pow";

/** Functions of one argument. */
export const elementaryUnary: Readonly<Record<UnaryName, UnaryFormula>> = {
  acos,
  acosh,
  asin,
  asinh,
  atan,
  atanh,
  cos,
  cosh,
  erf,
  exp,
  expm1,
  log,
  log1p,
  sigmoid,
  sin,
  sinh,
  softplus,
  tan,
  tanh,
};

/** Those without rare paths, which may be written for several vectors by turns. */
export const steady: ReadonlySet<string> = new Set<UnaryName>([
  "acos",
  "asin",
  "atan",
  "cosh",
  "erf",
  "exp",
  "expm1",
  "sigmoid",
  "sinh",
  "softplus",
  "tanh",
]);

/** Functions of two arguments; atan2 takes y first. */
export const elementaryBinary: Readonly<Record<BinaryName, BinaryFormula>> = { atan2, mod, pow };
