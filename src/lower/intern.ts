/**
 * Makes lane expressions, each only once: equal expressions are the same object, so printers compute them once.
 *
 * One `Interner` serves one stage; its expressions are not mixed with another's.
 */

import type { Cell } from "../ir/types.ts";
import { indexKey } from "./indices.ts";
import type { Access, Axis, ElementwiseOp, Expr } from "./loops.ts";

/** Maker of shared expressions. */
export class Interner {
  readonly #known = new Map<string, Expr>();
  readonly #names = new Map<Expr, number>();

  load(access: Access): Expr {
    return this.#share(`load ${access.buffer.id} ${indexKey(access.index)}`, { op: "load", access });
  }

  literal(value: number, cell: Cell): Expr {
    return this.#share(`literal ${cell} ${Object.is(value, -0) ? "-0" : value}`, {
      op: "literal",
      value,
      cell,
    });
  }

  axis(axis: Axis, scale: number, offset: number): Expr {
    return this.#share(`axis ${axis.id} ${scale} ${offset}`, { op: "axis", axis, scale, offset });
  }

  accumulator(index: number, cell: Cell): Expr {
    return this.#share(`accumulator ${index}`, { op: "accumulator", index, cell });
  }

  elementwise(name: ElementwiseOp, cell: Cell, args: readonly Expr[]): Expr {
    return this.#share(`${name} ${cell} ${args.map((arg) => this.numberOf(arg)).join(" ")}`, {
      op: "elementwise",
      name,
      cell,
      args,
    });
  }

  select(condition: Expr, a: Expr, b: Expr): Expr {
    if (a === b) return a;
    return this.#share(`select ${[condition, a, b].map((arg) => this.numberOf(arg)).join(" ")}`, {
      op: "select",
      condition,
      a,
      b,
    });
  }

  convert(a: Expr, from: Cell, to: Cell): Expr {
    return this.#share(`convert ${this.numberOf(a)} ${from} ${to}`, { op: "convert", a, from, to });
  }

  #share(key: string, expr: Expr): Expr {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.#known.set(key, expr);
    this.#names.set(expr, this.#names.size);
    return expr;
  }

  /** The expression with its parts replaced. */
  copy(expr: Expr, part: (part: Expr) => Expr): Expr {
    switch (expr.op) {
      case "load":
        return this.load(expr.access);
      case "literal":
        return this.literal(expr.value, expr.cell);
      case "axis":
        return this.axis(expr.axis, expr.scale, expr.offset);
      case "accumulator":
        return this.accumulator(expr.index, expr.cell);
      case "elementwise":
        return this.elementwise(expr.name, expr.cell, expr.args.map(part));
      case "select":
        return this.select(part(expr.condition), part(expr.a), part(expr.b));
      case "convert":
        return this.convert(part(expr.a), expr.from, expr.to);
    }
  }

  /** A number that equal expressions share and others do not. */
  numberOf(expr: Expr): number {
    return this.#names.get(expr) as number;
  }
}

const COMPARISONS: ReadonlySet<string> = new Set(["lt", "le", "eq", "ne"]);

/** What an expression's lanes hold. */
export function cellOf(expr: Expr): Cell {
  switch (expr.op) {
    case "load":
      return expr.access.buffer.cell;
    case "axis":
      return "int";
    case "convert":
      return expr.to;
    case "select":
      return cellOf(expr.a);
    case "elementwise":
      return COMPARISONS.has(expr.name) ? "bool" : expr.cell;
    default:
      return expr.cell;
  }
}

/** The expressions an expression is made of. */
export function partsOf(expr: Expr): readonly Expr[] {
  switch (expr.op) {
    case "elementwise":
      return expr.args;
    case "select":
      return [expr.condition, expr.a, expr.b];
    case "convert":
      return [expr.a];
    default:
      return [];
  }
}

/** All distinct expressions below the roots, parts before wholes; no recursion. */
export function expressionsOf(roots: readonly Expr[]): Expr[] {
  const done = new Set<Expr>();
  const order: Expr[] = [];
  const stack = [...roots].reverse().map((expr) => ({ expr, entered: false }));
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    const { expr, entered } = top;
    if (done.has(expr)) continue;
    if (entered) {
      done.add(expr);
      order.push(expr);
    } else {
      stack.push({ expr, entered: true });
      for (const part of [...partsOf(expr)].reverse()) stack.push({ expr: part, entered: false });
    }
  }
  return order;
}
