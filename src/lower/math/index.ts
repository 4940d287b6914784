/**
 * The table of elementary functions on lanes.
 *
 * In: a name and a `Lanes`. Out: an expression of lane operations, at most 2 ulp from the true value for every
 * argument, with the special values of C99 Annex F. Correct whether `fma` rounds once or twice.
 */

import type { Lanes } from "../lanes.ts";
import { exp, expm1, sigmoid, tanh } from "./exp.ts";
import { log, log1p, softplus } from "./log.ts";
import { cos, sin, tan } from "./trigonometric.ts";

/** A function of one lane value. */
export type UnaryFormula = <V>(l: Lanes<V>, x: V) => V;

/** A function of two lane values. */
export type BinaryFormula = <V>(l: Lanes<V>, x: V, y: V) => V;

/** Names of the functions of one argument. */
export type UnaryName =
  | "exp"
  | "expm1"
  | "sigmoid"
  | "tanh"
  | "log"
  | "log1p"
  | "softplus"
  | "sin"
  | "cos"
  | "tan";

/** Names of the functions of two arguments. */
export type BinaryName = never;

/** Functions of one argument. */
export const elementaryUnary: Readonly<Record<UnaryName, UnaryFormula>> = {
  exp,
  expm1,
  sigmoid,
  tanh,
  log,
  log1p,
  softplus,
  sin,
  cos,
  tan,
};

/** Functions of two arguments. */
export const elementaryBinary: Readonly<Record<BinaryName, BinaryFormula>> = {};
