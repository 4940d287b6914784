/** What a stage touches: all accesses of its expressions, and what its expressions depend on. */

import { expressionsOf, partsOf } from "./intern.ts";
import type { Access, Axis, Expr, Leaf } from "./loops.ts";

/** The expressions a stage evaluates. */
export function rootsOf(stage: Leaf): Expr[] {
  const folds = stage.kind === "nest" ? (stage.reduce?.folds ?? []).map((fold) => fold.term) : [];
  return [...folds, ...stage.stores.map((store) => store.value)];
}

/** What a product or a sum over rows multiplies or adds. */
export function operandsOf(stage: Leaf): Access[] {
  if (stage.kind === "product") return [stage.a, stage.b];
  if (stage.kind === "sum") return stage.b === undefined ? [stage.a] : [stage.a, stage.b];
  return [];
}

/** What a stage reads, tables apart. */
export function loadsOf(stage: Leaf): Access[] {
  const loads = expressionsOf(rootsOf(stage)).flatMap((expr) => (expr.op === "load" ? [expr.access] : []));
  return [...operandsOf(stage), ...(stage.kind === "sum" ? [stage.into] : []), ...loads];
}

const touched = new WeakMap<Leaf, readonly Access[]>();

/** Every access of a stage, tables of indirect indices included. */
export function accessesOf(stage: Leaf): readonly Access[] {
  const known = touched.get(stage) ?? findAccesses(stage);
  touched.set(stage, known);
  return known;
}

function findAccesses(stage: Leaf): Access[] {
  return [...loadsOf(stage), ...stage.stores.map((store) => store.access)].flatMap(withTables);
}

/** An access and the tables that its index reads. */
export function withTables(access: Access): Access[] {
  const tables = (access.index.indirect ?? []).map(({ table, index }) => ({ buffer: table, index }));
  return [access, ...tables.flatMap(withTables)];
}

/** How far one step along the axis moves, in cells. */
export function strideOf(access: Access, axis: Axis): number {
  return access.index.terms.reduce((sum, term) => (term.axis === axis ? sum + term.stride : sum), 0);
}

/** True if the access moves with the axis, directly or through a table. */
export function dependsOn(access: Access, axis: Axis): boolean {
  return (
    strideOf(access, axis) !== 0 ||
    (access.index.indirect ?? []).some(({ table, index }) => dependsOn({ buffer: table, index }, axis))
  );
}

const uniform = new WeakMap<Expr, boolean>();

/** True if every lane has the same value: no tile cell and no accumulator is read. */
export function isUniform(expr: Expr): boolean {
  let known = uniform.get(expr);
  if (known === undefined) {
    const own = expr.op === "load" ? expr.access.buffer.space === "bound" : expr.op !== "accumulator";
    known = own && partsOf(expr).every(isUniform);
    uniform.set(expr, known);
  }
  return known;
}
