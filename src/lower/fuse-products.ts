/**
 * a · b + c becomes multiplyAdd(a, b, c), and c − a · b subtractProduct(a, b, c), where the product has no other use.
 *
 * Targets round it once or twice, whichever is fast; deterministic ones always twice.
 */

import { expressionsOf, Interner, partsOf } from "./intern.ts";
import type { ElementwiseOp, Expr, Leaf } from "./loops.ts";

type Elementwise = Extract<Expr, { op: "elementwise" }>;

/** The stage with its products joined to sums. */
export function withFusedProducts(stage: Leaf): Leaf {
  const folds = stage.kind === "nest" ? (stage.reduce?.folds ?? []) : [];
  const fused = fuser([...folds.map((fold) => fold.term), ...stage.stores.map((store) => store.value)]);
  const stores = stage.stores.map(({ access, value }) => ({ access, value: fused(value) }));
  if (stage.kind !== "nest" || stage.reduce === undefined) return { ...stage, stores };
  return {
    ...stage,
    reduce: { ...stage.reduce, folds: folds.map(({ op, term }) => ({ op, term: fused(term) })) },
    stores,
  };
}

function fuser(roots: readonly Expr[]): (expr: Expr) => Expr {
  const uses = new Map<Expr, number>();
  const count = (expr: Expr): Map<Expr, number> => uses.set(expr, (uses.get(expr) ?? 0) + 1);
  for (const root of roots) count(root);
  for (const expr of expressionsOf(roots)) for (const part of partsOf(expr)) count(part);
  const isOwn = (expr: Expr | undefined): expr is Elementwise =>
    expr?.op === "elementwise" && expr.name === "mul" && expr.cell === "float" && uses.get(expr) === 1;
  const interner = new Interner();
  const memo = new Map<Expr, Expr>();
  const join = (name: ElementwiseOp, product: Elementwise, rest: Expr): Expr =>
    interner.elementwise(name, "float", [...product.args.map(visit), visit(rest)]);
  const visit = (expr: Expr): Expr => {
    const known = memo.get(expr);
    if (known !== undefined) return known;
    const made = joined(expr) ?? interner.copy(expr, visit);
    memo.set(expr, made);
    return made;
  };
  const joined = (expr: Expr): Expr | undefined => {
    if (expr.op !== "elementwise" || expr.cell !== "float") return undefined;
    const [a, b] = expr.args;
    if (expr.name === "add" && isOwn(b)) return join("multiplyAdd", b, a as Expr);
    if (expr.name === "add" && isOwn(a)) return join("multiplyAdd", a, b as Expr);
    return expr.name === "sub" && isOwn(b) ? join("subtractProduct", b, a as Expr) : undefined;
  };
  return visit;
}
