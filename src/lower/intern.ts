/**
 * Makes lane expressions, each only once: equal expressions are the same object, so printers compute them once.
 *
 * One `Interner` serves one stage. A product that is used once inside a sum becomes `multiplyAdd` in `fuseProducts`.
 */

import type { Cell } from "../ir/types.ts";
import { indexKey } from "./indices.ts";
import type { Access, Axis, ElementwiseOp, Expr } from "./loops.ts";

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
    return this.#share(`${name} ${cell} ${args.map((arg) => this.#name(arg)).join(" ")}`, {
      op: "elementwise",
      name,
      cell,
      args,
    });
  }

  select(condition: Expr, a: Expr, b: Expr): Expr {
    if (a === b) return a;
    return this.#share(`select ${[condition, a, b].map((arg) => this.#name(arg)).join(" ")}`, {
      op: "select",
      condition,
      a,
      b,
    });
  }

  convert(a: Expr, from: Cell, to: Cell): Expr {
    return this.#share(`convert ${this.#name(a)} ${from} ${to}`, { op: "convert", a, from, to });
  }

  #share(key: string, expr: Expr): Expr {
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    this.#known.set(key, expr);
    this.#names.set(expr, this.#names.size);
    return expr;
  }

  #name(expr: Expr): number {
    return this.#names.get(expr) as number;
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
