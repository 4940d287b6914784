/**
 * Elementwise operations of the row program on lanes: one formula per name.
 *
 * Floats follow `ir/ops.ts` (NaN, signed zeros, ties) and use the elementary functions of `lower/math`.
 */

import { UnsupportedError } from "../errors.ts";
import type { Lanes, TableFormula, TableLanes } from "../lower/lanes.ts";
import type { ElementwiseOp } from "../lower/loops.ts";
import { unsigned } from "../lower/math/format.ts";
import { elementaryBinary, elementaryUnary, steady } from "../lower/math/index.ts";
import { modulo } from "./modulo.ts";

/** A formula over operands. */
type Formula = <V>(l: Lanes<V>, args: readonly V[]) => V;

const first = <V>(args: readonly V[]): V => args[0] as V;
const second = <V>(args: readonly V[]): V => args[1] as V;

/** What to multiply: a square needs no sign, and 1 − tanh² x need not wait for it. */
const factors = <V>([a, b]: readonly V[]): [V, V] =>
  (a === b ? [unsigned(a), unsigned(b)] : [a, b]) as [V, V];

const simple: Readonly<Partial<Record<ElementwiseOp, Formula>>> = {
  neg: (l, args) => l.neg(first(args)),
  abs: (l, args) => l.abs(first(args)),
  sign,
  floor: (l, args) => l.floor(first(args)),
  ceil: (l, args) => l.ceil(first(args)),
  round: (l, args) => l.nearest(first(args)),
  sqrt: (l, args) => l.sqrt(first(args)),
  add: (l, args) => l.add(first(args), second(args)),
  sub: (l, args) => l.sub(first(args), second(args)),
  mul: (l, args) => l.mul(...factors(args)),
  div: (l, args) => l.div(first(args), second(args)),
  min: (l, args) => l.min(first(args), second(args)),
  max: (l, args) => l.max(first(args), second(args)),
  mod: (l, args) => modulo(l, first(args), second(args)),
  lt: (l, args) => l.lt(first(args), second(args)),
  le: (l, args) => l.le(first(args), second(args)),
  eq: (l, args) => l.eq(first(args), second(args)),
  ne: (l, args) => l.ne(first(args), second(args)),
  and: (l, args) => l.and(first(args), second(args)),
  or: (l, args) => l.or(first(args), second(args)),
  not: (l, args) => l.xor(first(args), l.bits(-1n)),
  subtractProduct: (l, args) => l.fnma(...factors(args), args[2] as (typeof args)[number]),
  multiplyAdd: (l, args) => l.fma(...factors(args), args[2] as (typeof args)[number]),
};

/** Math.sign: keeps NaN and both zeros. */
function sign<V>(l: Lanes<V>, args: readonly V[]): V {
  const x = first(args);
  const zero = l.constant(0);
  return l.select(l.lt(zero, x), l.constant(1), l.select(l.lt(x, zero), l.constant(-1), x));
}

/** The value of an elementwise operation on float (or bool) lanes. */
export function applyElementwise<V>(l: Lanes<V>, name: ElementwiseOp, args: readonly V[]): V {
  const formula = simple[name];
  if (formula !== undefined) return formula(l, args);
  const byTables = l.tables?.[name];
  if (byTables !== undefined) return byTables(l as TableLanes<V>, first(args));
  if (Object.hasOwn(elementaryUnary, name))
    return elementaryUnary[name as keyof typeof elementaryUnary](l, first(args));
  const binary: Record<string, (<T>(l: Lanes<T>, x: T, y: T) => T) | undefined> = elementaryBinary;
  const two = binary[name];
  if (two === undefined) throw new UnsupportedError("JR860", `no formula for ${name} on lanes`);
  return two(l, first(args), second(args));
}

/** The formula of a function of one argument, if it has no rare paths on these lanes. */
export function steadyFormula<V>(l: Lanes<V>, name: ElementwiseOp): TableFormula | undefined {
  return (
    l.tables?.[name] ?? (steady.has(name) ? elementaryUnary[name as keyof typeof elementaryUnary] : undefined)
  );
}

/** True for functions of many instructions. */
export function isElementary(name: ElementwiseOp): boolean {
  return simple[name] === undefined;
}
