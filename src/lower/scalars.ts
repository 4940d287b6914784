/**
 * Scalar algebra for straight-line code: expressions that are simplified while they are made.
 *
 * In: lane expressions. Out: an equal one (signs of zeros apart), with numbers folded, zeros and ones dropped, signs pulled
 * outwards so that x − y and y − x share work. `zero` is a structural zero: nothing is there, so 0 · ∞ is 0.
 */

import {
  binaryOps,
  compareOps,
  isBinary,
  isCompare,
  isLogic,
  isUnary,
  logicOps,
  unaryOps,
} from "../ir/ops.ts";
import type { Cell } from "../ir/types.ts";
import { Interner } from "./intern.ts";
import type { ElementwiseOp, Expr } from "./loops.ts";

const COMMUTATIVE: ReadonlySet<string> = new Set(["add", "mul", "min", "max", "eq", "ne", "and", "or"]);

type Elementwise = Extract<Expr, { op: "elementwise" }>;

/** Maker of simplified scalar expressions. */
export class Scalars extends Interner {
  /** A cell that is zero because nothing is there. */
  readonly zero: Expr = this.literal(0, "float");

  override elementwise(name: ElementwiseOp, cell: Cell, args: readonly Expr[]): Expr {
    return (
      folded(this, name, args) ??
      (cell === "float" ? this.#simplified(name, args) : undefined) ??
      this.plain(name, cell, args)
    );
  }

  /** The operation as it is, operands of symmetric ones in a fixed order. */
  plain(name: ElementwiseOp, cell: Cell, args: readonly Expr[]): Expr {
    const ordered = COMMUTATIVE.has(name)
      ? [...args].sort((x, y) => this.numberOf(x) - this.numberOf(y))
      : args;
    return super.elementwise(name, cell, ordered);
  }

  override select(condition: Expr, a: Expr, b: Expr): Expr {
    if (condition.op === "literal") return condition.value === 0 ? b : a;
    return super.select(condition, a, b);
  }

  override convert(a: Expr, from: Cell, to: Cell): Expr {
    if (a.op === "literal") return this.literal(to === "int" ? Math.trunc(a.value) : a.value, to);
    return super.convert(a, from, to);
  }

  add(a: Expr, b: Expr): Expr {
    return this.elementwise("add", "float", [a, b]);
  }

  mul(a: Expr, b: Expr): Expr {
    return this.elementwise("mul", "float", [a, b]);
  }

  neg(a: Expr): Expr {
    return this.elementwise("neg", "float", [a]);
  }

  /** Σ terms, in pairs where there are many: short chains, small errors. */
  sum(all: readonly Expr[]): Expr {
    const terms = all.filter((term) => numberIn(term) !== 0);
    if (terms.length <= 4) return terms.reduce((total, term) => this.add(total, term), this.zero);
    const middle = terms.length >> 1;
    return this.add(this.sum(terms.slice(0, middle)), this.sum(terms.slice(middle)));
  }

  #simplified(name: ElementwiseOp, args: readonly Expr[]): Expr | undefined {
    const [a, b] = args as [Expr, Expr];
    if (name === "neg") return this.#negated(a);
    if (name === "add") return this.#added(a, b);
    if (name === "sub") return this.#subtracted(a, b);
    if (name === "mul") return this.#multiplied(a, b);
    return name === "div" ? this.#divided(a, b) : undefined;
  }

  #negated(a: Expr): Expr | undefined {
    const inner = negatedOf(a);
    if (inner !== undefined) return inner;
    return isNamed(a, "sub") ? this.plain("sub", "float", [a.args[1] as Expr, a.args[0] as Expr]) : undefined;
  }

  #added(a: Expr, b: Expr): Expr | undefined {
    if (numberIn(a) === 0) return b;
    if (numberIn(b) === 0) return a;
    const [minusA, minusB] = [negatedOf(a), negatedOf(b)];
    if (minusB !== undefined) return this.elementwise("sub", "float", [a, minusB]);
    return minusA === undefined ? undefined : this.elementwise("sub", "float", [b, minusA]);
  }

  #subtracted(a: Expr, b: Expr): Expr | undefined {
    if (numberIn(b) === 0) return a;
    if (numberIn(a) === 0) return this.neg(b);
    const minusB = negatedOf(b);
    if (minusB !== undefined) return this.add(a, minusB);
    const minusA = negatedOf(a);
    return minusA === undefined ? undefined : this.neg(this.add(minusA, b));
  }

  #multiplied(a: Expr, b: Expr): Expr | undefined {
    for (const [x, y] of [
      [a, b],
      [b, a],
    ] as const) {
      const value = numberIn(x);
      if (value === 0) return this.zero;
      if (value === 1) return y;
      if (value === -1) return this.neg(y);
    }
    const [minusA, minusB] = [negatedOf(a), negatedOf(b)];
    if (minusA === undefined && minusB === undefined) return undefined;
    const product = this.mul(minusA ?? a, minusB ?? b);
    return minusA !== undefined && minusB !== undefined ? product : this.neg(product);
  }

  #divided(a: Expr, b: Expr): Expr | undefined {
    if (numberIn(b) === 1) return a;
    if (numberIn(b) === -1) return this.neg(a);
    const minusA = negatedOf(a);
    return minusA === undefined ? undefined : this.neg(this.elementwise("div", "float", [minusA, b]));
  }
}

const numberIn = (expr: Expr): number | undefined => (expr.op === "literal" ? expr.value : undefined);

function isNamed(expr: Expr, name: ElementwiseOp): expr is Elementwise {
  return expr.op === "elementwise" && expr.name === name && expr.cell === "float";
}

/** x where the expression is −x. */
function negatedOf(expr: Expr): Expr | undefined {
  return isNamed(expr, "neg") ? expr.args[0] : undefined;
}

/** The number an operation on numbers gives. */
function folded(scalars: Scalars, name: ElementwiseOp, args: readonly Expr[]): Expr | undefined {
  const values = args.map(numberIn);
  if (!values.every((value) => value !== undefined)) return undefined;
  const [a, b] = values as [number, number];
  const cell = (args[0] as { cell: Cell }).cell;
  if (isUnary(name)) return scalars.literal(unaryOps[name](a), cell);
  if (isBinary(name)) return scalars.literal(binaryOps[name](a, b), cell);
  if (isCompare(name)) return scalars.literal(compareOps[name](a, b) ? 1 : 0, "bool");
  if (isLogic(name)) return scalars.literal(logicOps[name](a, b), "bool");
  return name === "not" ? scalars.literal(a === 0 ? 1 : 0, "bool") : undefined;
}
